"""How likely a model finds elements on the sites of a given geometry.

A sum of weighted logarithms of probabilities (a product of experts), because each part
is trained by itself and none is calibrated against the others:

    species        log p(z | template) + log p(species | z) - log q(z | crystal): the
                   evidence of the species, estimated with the codes z that the encoder
                   finds most likely
    template       log p(positions, roles | group)
    open volume    log-density of the volume per atom, the geometry codes left open
    coded volume   the same with the codes that the encoder finds
    touch          how far the nearest neighbours of each element are from touching,
                   compared with pairs of such elements in the training crystals
    balance        1 if usual oxidation states cancel, or all are metals
    spacing        1 if no two atoms are closer than the learnt limits

The encoder reads each decoration as if it were the true one, so nothing knows which
element was on a site before. Coordinates and the shape of the cell add nothing that
helps, and their densities cannot be compared between templates.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn.functional import one_hot

from crystalgen.generation.contacts import are_contacts_sane
from crystalgen.generation.encoding import templates_of
from crystalgen.generation.weights import Weights
from crystalgen.graphs.quotient import QuotientGraph, quotient_graph
from crystalgen.graphs.table import GraphTable
from crystalgen.model.batch import CrystalBatch, Templates
from crystalgen.model.collate import collate, label_examples
from crystalgen.model.decoder import GeometryPrediction
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.likelihoods import laplace_log_likelihood
from crystalgen.representation.conversion import expand
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.neutrality import is_neutral
from crystalgen.representation.table import CrystalTable

USUAL_GAP = 0.1
"""Logarithm of the distance of an atom to the neighbour that it is nearest to touching,
over their limit: the median of MP-20."""
WIDEST_GAP = 1.5
"""Larger gaps count as this one."""
BATCH = 128
"""Crystals that are read together."""


class Terms(NamedTuple):
    """Parts of the score of some crystals."""

    species: Float64[np.ndarray, " crystals"]
    template: Float64[np.ndarray, " crystals"]
    open_volume: Float64[np.ndarray, " crystals"]
    coded_volume: Float64[np.ndarray, " crystals"]
    touch: Float64[np.ndarray, " crystals"]
    balance: Float64[np.ndarray, " crystals"]
    spacing: Float64[np.ndarray, " crystals"]


class TermWeights(NamedTuple):
    """What each part counts."""

    species: float
    template: float
    open_volume: float
    coded_volume: float
    touch: float
    balance: float
    spacing: float


WEIGHTS = TermWeights(
    species=0.53,
    template=0.2,
    open_volume=0.3,
    coded_volume=0.7,
    touch=7.0,
    balance=1.1,
    spacing=3.5,
)
"""Fitted by conditional logistic regression to hidden species of MP-20's validation
split (n = 300, seeds 0 and 1), `benchmarks/hidden_species.py --fit`."""


def scores(
    weights: Weights, crystals: Sequence[SymmetricCrystal]
) -> Float64[np.ndarray, " crystals"]:
    """Score of each crystal in nats, up to a constant of the host."""
    parts = terms(weights, crystals)
    total = np.zeros(len(crystals))
    for part, weight in zip(parts, WEIGHTS, strict=True):
        total += part * weight
    return total


@torch.inference_mode()
def terms(weights: Weights, crystals: Sequence[SymmetricCrystal]) -> Terms:
    """Parts of the score of each crystal.

    Args:
        weights: The model.
        crystals: In canonical description, small enough for the networks.
    """
    read = [
        _read(weights, crystals[start : start + BATCH])
        for start in range(0, len(crystals), BATCH)
    ]
    networks = np.concatenate(read, axis=1) if read else np.zeros((5, 0))
    balance = [
        is_neutral(tuple(each.composition), tuple(each.composition.values()))
        for each in crystals
    ]
    spacing = [_are_spaced(weights, each) for each in crystals]
    return Terms(
        *networks, balance=np.array(balance, float), spacing=np.array(spacing, float)
    )


@torch.inference_mode()
def predicted_log_volumes(
    weights: Weights, crystals: Sequence[SymmetricCrystal]
) -> Float64[np.ndarray, " crystals"]:
    """Logarithm of the most likely volume per atom (Å^3) of group and elements."""
    found = []
    for start in range(0, len(crystals), BATCH):
        some = crystals[start : start + BATCH]
        _, templates = templates_of(weights, some)
        elements = [tuple(dict.fromkeys(each.species)) for each in some]
        width = max(map(len, elements))
        padded = [each + (0,) * (width - len(each)) for each in elements]
        species = one_hot(
            torch.tensor(padded, device=weights.device), N_SPECIES
        ).float()
        prediction = _open_geometry(weights, templates, species)
        found.append(prediction.cell_location[:, 0].double().cpu().numpy())
    return np.concatenate(found)


def _read(
    weights: Weights, crystals: Sequence[SymmetricCrystal]
) -> Float64[np.ndarray, "terms crystals"]:
    """The terms that networks and neighbours tell."""
    table = CrystalTable.from_crystals(
        crystals, identifiers=[each.formula for each in crystals]
    )
    examples = label_examples(table, _graphs(crystals), weights.vocabulary)
    batch = collate(examples, np.arange(len(crystals))).to(weights.device)
    networks, model = weights.networks, weights.autoencoder
    templates = batch.templates
    orbits, wholes = model.encoder(batch, networks.statistics.centres(templates))
    template = networks.prototype_prior.log_likelihood(templates)
    species = one_hot(batch.species, N_SPECIES).float()
    volume = batch.geometry.cell[:, 0]
    is_coded = torch.ones_like(templates.space_group, dtype=torch.bool)
    coded = networks.decode_geometry(
        templates,
        species,
        _best(networks.orbit_codes.logits(orbits)),
        _best(networks.crystal_codes.logits(wholes)),
        is_coded,
    )
    open_ = _open_geometry(weights, templates, species)
    parts = (
        _species_evidence(weights, batch, orbits),
        template,
        _volume_log_likelihood(open_, volume),
        _volume_log_likelihood(coded, volume),
        _touch(weights, batch),
    )
    return torch.stack(parts).double().cpu().numpy()


def _species_evidence(
    weights: Weights,
    batch: CrystalBatch,
    orbits: Float[Tensor, "crystals orbits channels"],
) -> Float[Tensor, " crystals"]:
    """Evidence of the species, estimated with the most likely codes."""
    networks, templates = weights.networks, batch.templates
    n_roles = batch.species.shape[1]
    has_role = templates.role_present(n_roles)
    logits = networks.species_codes.logits(templates.membership(n_roles) @ orbits)
    codes = _best(logits)
    posterior = (logits.log_softmax(dim=-1) * codes).sum(dim=(2, 3))
    context = networks.species_prior.context(templates, n_roles)
    prior = (networks.species_prior.codes(context, codes) * codes).sum(dim=(2, 3))
    decoded = networks.species_decoder(templates, networks.species_codes.embed(codes))
    target = batch.species[..., None]
    hit = decoded.log_softmax(dim=-1).gather(-1, target).squeeze(-1)
    return ((prior + hit - posterior) * has_role).sum(dim=1)


def _touch(weights: Weights, batch: CrystalBatch) -> Float[Tensor, " crystals"]:
    """Minus the sum over elements of how far their mean gap is from the usual one."""
    templates, edges = batch.templates, batch.edges
    limits = torch.from_numpy(weights.distance_limits).log().to(weights.device)
    species = batch.species.gather(1, templates.role).flatten()
    gap = edges.length.log() - limits[species[edges.source], species[edges.target]]
    smallest = torch.full(species.shape, WIDEST_GAP, device=gap.device, dtype=gap.dtype)
    smallest.scatter_reduce_(0, edges.target, gap, "amin")
    n_roles = batch.species.shape[1]
    of_orbits = smallest.view_as(templates.role).clamp(min=-WIDEST_GAP).float()
    of_roles = (templates.membership(n_roles) @ of_orbits[..., None]).squeeze(-1)
    off = (of_roles - USUAL_GAP).abs() * templates.role_present(n_roles)
    return -off.sum(dim=1)


def _open_geometry(
    weights: Weights,
    templates: Templates,
    species: Float[Tensor, "crystals roles species"],
) -> GeometryPrediction:
    """What species alone say of cell and coordinates."""
    n_crystals, n_orbits = templates.position.shape
    shape = weights.config.geometry_codes
    return weights.networks.decode_geometry(
        templates,
        species,
        species.new_zeros(n_crystals, n_orbits, *shape),
        species.new_zeros(n_crystals, *shape),
        torch.zeros_like(templates.space_group, dtype=torch.bool),
    )


def _volume_log_likelihood(
    prediction: GeometryPrediction, log_volume: Float[Tensor, " crystals"]
) -> Float[Tensor, " crystals"]:
    return laplace_log_likelihood(
        log_volume, prediction.cell_location[:, 0], prediction.cell_scale[:, 0]
    )


def _best(
    logits: Float[Tensor, "*tokens codes entries"],
) -> Float[Tensor, "*tokens codes entries"]:
    """The most likely codes, one-hot."""
    return one_hot(logits.argmax(dim=-1), logits.shape[-1]).float()


def _are_spaced(weights: Weights, crystal: SymmetricCrystal) -> bool:
    atoms = expand(crystal)
    return are_contacts_sane(
        atoms.lattice,
        atoms.frac_coords,
        atoms.numbers,
        atoms.representative,
        weights.distance_limits,
    )


def _graphs(crystals: Sequence[SymmetricCrystal]) -> GraphTable:
    """Graphs of crystals, found once where only the elements differ."""
    found: dict[tuple[tuple[int, ...], bytes, bytes], QuotientGraph] = {}
    graphs = []
    for crystal in crystals:
        coords, parameters = crystal.free_coords, crystal.lattice_parameters
        key = (crystal.wyckoff, coords.tobytes(), parameters.tobytes())
        if key not in found:
            atoms = expand(crystal)
            found[key] = quotient_graph(
                atoms.lattice,
                atoms.frac_coords,
                atoms.orbit_of_atom,
                atoms.representative,
            )
        graphs.append(found[key])
    return GraphTable.from_graphs(graphs)
