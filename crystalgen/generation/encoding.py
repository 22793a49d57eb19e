"""Crystals to codes and back: the two halves of the autoencoder."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int

from crystalgen.errors import RepresentationError
from crystalgen.generation.candidate import Codes
from crystalgen.generation.code_search import (
    SEARCH_ROUNDS,
    CodeOdds,
    GeometryCodes,
    Sought,
    nearest_codes,
)
from crystalgen.generation.decoding import assemble, decode_geometry
from crystalgen.generation.weights import Weights
from crystalgen.graphs.quotient import quotient_graph
from crystalgen.graphs.table import GraphTable
from crystalgen.model.batch import Templates
from crystalgen.model.collate import Examples, collate, label_examples, to_templates
from crystalgen.model.noise import no_noise
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.prototype import Prototype, roles_of
from crystalgen.representation.table import CrystalTable


@torch.inference_mode()
def encode(
    weights: Weights,
    crystals: Sequence[SymmetricCrystal],
    *,
    rounds: int = SEARCH_ROUNDS,
) -> list[Codes]:
    """Codes of each crystal: the most probable ones, or some that spell it better.

    Args:
        weights: The networks.
        crystals: To be encoded.
        rounds: Of the search for codes that are decoded nearer to the crystal
            (`crystalgen.generation.code_search`); 0 takes the most probable codes.

    Raises:
        RepresentationError: A crystal has more orbits or elements than the networks
            can read.
    """
    config, networks = weights.config, weights.networks
    examples = examples_of(weights, crystals)
    batch = collate(examples, np.arange(len(crystals))).to(weights.device)
    of_roles, of_orbits, of_crystals = weights.autoencoder.posteriors(
        batch, no_noise(config, batch), code_temperature=1.0
    )
    coded = networks.coded_orbits(batch.templates)
    roles = of_roles.sample.argmax(dim=-1).cpu()
    geometry = GeometryCodes(
        orbits=of_orbits.sample.argmax(dim=-1) * coded[..., None],
        crystals=of_crystals.sample.argmax(dim=-1),
    )
    if rounds:
        present = batch.templates.role_present(batch.species.shape[1])
        geometry = nearest_codes(
            weights,
            Sought(
                crystals=crystals,
                templates=batch.templates,
                species=batch.species * present,
            ),
            CodeOdds(of_orbits.log_probabilities, of_crystals.log_probabilities),
            geometry,
            rounds=rounds,
        )
    orbits, wholes = geometry.orbits.cpu(), geometry.crystals.cpu()
    return [
        Codes(
            crystal=tuple(wholes[row].tolist()),
            roles=_tuples(roles[row, : len(set(crystal.species))]),
            orbits=_tuples(orbits[row, : crystal.n_orbits]),
        )
        for row, crystal in enumerate(crystals)
    ]


def examples_of(weights: Weights, crystals: Sequence[SymmetricCrystal]) -> Examples:
    """Crystals with their graphs, as the encoder reads them.

    Raises:
        RepresentationError: A crystal has more orbits or elements than the networks
            can read.
    """
    config = weights.config
    for crystal in crystals:
        n_roles = len(set(crystal.species))
        if crystal.n_orbits > config.max_orbits or n_roles > config.max_roles:
            raise RepresentationError(
                f"{crystal.formula}: got {crystal.n_orbits} orbits and {n_roles} "
                f"elements; these weights read at most {config.max_orbits} orbits and "
                f"{config.max_roles} elements; train on larger crystals"
            )
    table = CrystalTable.from_crystals(
        crystals, identifiers=[crystal.formula for crystal in crystals]
    )
    return label_examples(table, _graphs(crystals), weights.vocabulary)


@torch.inference_mode()
def decode(
    weights: Weights, templates: Sequence[SymmetricCrystal], codes: Sequence[Codes]
) -> list[SymmetricCrystal]:
    """Crystals with the groups, positions and roles of others, and given codes.

    Nothing else of ``templates`` is read: species, cells and coordinates come from
    the codes. Crystals decoded together differ from those decoded one by one in the
    last bits at most.
    """
    if not templates:
        return []
    networks = weights.networks
    prototypes, batch = templates_of(weights, templates)
    logits = networks.species_decoder(
        batch,
        networks.species_codes.embed_indices(
            padded([each.roles for each in codes]).to(weights.device)
        ),
    )
    species = logits.argmax(dim=-1) * batch.role_present(logits.shape[1])
    decoded = decode_geometry(
        networks,
        batch,
        species,
        padded([each.orbits for each in codes]).to(weights.device),
        torch.tensor([each.crystal for each in codes], device=weights.device),
    )
    return [
        assemble(
            prototype,
            species[row].tolist(),
            decoded.coords[row],
            decoded.parameters[row],
        )
        for row, prototype in enumerate(prototypes)
    ]


def templates_of(
    weights: Weights, crystals: Sequence[SymmetricCrystal]
) -> tuple[tuple[Prototype, ...], Templates]:
    """Groups, positions and roles of crystals, and the same as tensors."""
    prototypes = tuple(
        Prototype(
            space_group=each.space_group,
            wyckoff=each.wyckoff,
            roles=roles_of(each.species),
        )
        for each in crystals
    )
    batch = to_templates(prototypes, weights.vocabulary)
    return prototypes, batch.to(weights.device)


def padded(
    codes: Sequence[tuple[tuple[int, ...], ...]],
) -> Int[torch.Tensor, "crystals tokens codes"]:
    """Codes of all crystals in one tensor, with zeros after the last token of each."""
    n_tokens = max(len(tokens) for tokens in codes)
    padded = torch.zeros(len(codes), n_tokens, len(codes[0][0]), dtype=torch.long)
    for row, tokens in enumerate(codes):
        padded[row, : len(tokens)] = torch.tensor(tokens)
    return padded


def _graphs(crystals: Sequence[SymmetricCrystal]) -> GraphTable:
    graphs = []
    for crystal in crystals:
        atoms = expand(crystal)
        graphs.append(
            quotient_graph(
                atoms.lattice,
                atoms.frac_coords,
                atoms.orbit_of_atom,
                atoms.representative,
            )
        )
    return GraphTable.from_graphs(graphs)


def _tuples(codes: torch.Tensor) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, codes.tolist()))
