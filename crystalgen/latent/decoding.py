"""Codes to crystals that are checked: what every step of a walk is.

Elements are the most likely ones for the codes that the training crystals hold, each
once, as the draws of `crystalgen generate` take them. Atoms that come out too close
are moved apart within the group, and the step says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from crystalgen.errors import GeometryError, RepresentationError
from crystalgen.generation.candidate import Codes
from crystalgen.generation.checks import fault_of
from crystalgen.generation.decoding import assemble, decode_geometry
from crystalgen.generation.encoding import padded, templates_of
from crystalgen.generation.separation import separate
from crystalgen.generation.weights import Weights
from crystalgen.latent.likelihood import log_likelihoods
from crystalgen.model.batch import Templates
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.neutrality import is_neutral
from crystalgen.representation.prototype import Prototype

BATCH = 128
"""Crystals decoded together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A set of codes and the crystal that they spell.

    Attributes:
        codes: What was decoded.
        crystal: As decoded; None if the codes spell none, as where the weights know
            fewer elements than it has.
        log_likelihood: Of codes and elements given group, positions and roles, in nats.
    """

    codes: Codes
    crystal: SymmetricCrystal | None
    log_likelihood: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the checks say of a decoded crystal.

    Attributes:
        crystal: The crystal that was judged; with its atoms apart if `is_mended`.
        fault: First check that it fails; empty for a valid crystal.
        is_mended: Whether its atoms were too close and have been moved apart.
    """

    crystal: SymmetricCrystal | None
    fault: str
    is_mended: bool = False


@torch.inference_mode()
def decode_likely(
    weights: Weights, templates: Sequence[SymmetricCrystal], codes: Sequence[Codes]
) -> list[Decoded]:
    """Decode codes on the groups, positions and roles of crystals.

    Nothing else of ``templates`` is read.
    """
    found: list[Decoded] = []
    for start in range(0, len(codes), BATCH):
        stop = start + BATCH
        found += _decode(weights, templates[start:stop], codes[start:stop])
    return found


def judge(weights: Weights, decoded: Decoded, *, needs_balance: bool) -> Verdict:
    """Check a decoded crystal; move its atoms apart if that is what it lacks.

    Args:
        weights: Hold the limits of distances.
        decoded: A crystal.
        needs_balance: Whether the charges must cancel, too.
    """
    crystal = decoded.crystal
    if crystal is None:
        return Verdict(crystal=None, fault="no crystal")
    if needs_balance and not is_balanced(crystal):
        return Verdict(crystal=crystal, fault="charge")
    fault = _fault(crystal, weights)
    if fault != "distance":
        return Verdict(crystal=crystal, fault=fault)
    (apart,) = separate([crystal], [weights.limits_of(crystal)])
    if _fault(apart, weights):
        return Verdict(crystal=crystal, fault=fault)
    return Verdict(crystal=apart, fault="", is_mended=True)


def is_balanced(crystal: SymmetricCrystal) -> bool:
    """Whether usual oxidation states of its elements cancel, or it is a metal."""
    composition = crystal.composition
    return is_neutral(tuple(composition), tuple(composition.values()))


def _fault(crystal: SymmetricCrystal, weights: Weights) -> str:
    try:
        return fault_of(crystal, weights)
    except GeometryError:
        return "cell"  # the angles close no cell


def _decode(
    weights: Weights, templates: Sequence[SymmetricCrystal], codes: Sequence[Codes]
) -> list[Decoded]:
    prototypes, batch = templates_of(weights, templates)
    species = _species(weights, batch, codes)
    decoded = decode_geometry(
        weights.networks,
        batch,
        species,
        padded([each.orbits for each in codes]).to(weights.device),
        torch.tensor([each.crystal for each in codes], device=weights.device),
    )
    likely = log_likelihoods(weights, batch, species, codes)
    return [
        Decoded(
            codes=each,
            crystal=_built(
                prototype,
                species[row].tolist(),
                decoded.coords[row],
                decoded.parameters[row],
            ),
            log_likelihood=likely[row],
        )
        for row, (prototype, each) in enumerate(zip(prototypes, codes, strict=True))
    ]


def _built(
    prototype: Prototype,
    species: list[int],
    coords: np.ndarray,
    parameters: np.ndarray,
) -> SymmetricCrystal | None:
    try:
        return assemble(prototype, species, coords, parameters)
    except RepresentationError:
        return None


def _species(
    weights: Weights, templates: Templates, codes: Sequence[Codes]
) -> Int[Tensor, "crystals roles"]:
    """Most likely element of each role in turn, of those not on an earlier role."""
    networks = weights.networks
    indices = padded([each.roles for each in codes]).to(weights.device)
    logits = networks.species_decoder(
        templates, networks.species_codes.embed_indices(indices)
    )
    n_crystals, n_roles, _ = logits.shape
    present = templates.role_present(n_roles)
    allowed = networks.statistics.species_count > 0
    allowed = allowed.expand(n_crystals, -1).clone()
    rows = torch.arange(n_crystals, device=logits.device)
    species = torch.zeros_like(indices[:, :, 0])
    for role in range(n_roles):
        best = logits[:, role].masked_fill(~allowed, -torch.inf).argmax(dim=-1)
        species[:, role] = torch.where(present[:, role], best, 0)
        allowed[rows, best] = False
    return species
