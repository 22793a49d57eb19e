"""Crystals to codes that a person can read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from crystalgen.generation.candidate import Codes
from crystalgen.generation.code_search import SEARCH_ROUNDS
from crystalgen.generation.encoding import encode, templates_of
from crystalgen.generation.weights import Weights
from crystalgen.latent.likelihood import log_likelihoods
from crystalgen.latent.slots import Slot, slots_of, value
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.representation.elements import SYMBOLS
from crystalgen.symmetry.wyckoff import LETTERS

BATCH = 64
"""Crystals encoded together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A crystal and its codes.

    Attributes:
        crystal: Group, positions, elements and geometry.
        codes: Its codes.
        slots: Names of all codes, in the order of their numbers.
        log_likelihood: Of the codes and the elements given the group, the positions
            and which of them share an element, in nats.
    """

    crystal: SymmetricCrystal
    codes: Codes
    slots: tuple[Slot, ...]
    log_likelihood: float

    @property
    def by_name(self) -> dict[str, int]:
        """Value of each code by its name, in the order of their numbers."""
        return {slot.name: value(self.codes, slot) for slot in self.slots}

    def about(self, slot: Slot) -> str:
        """What one of its codes is about: "Na", "cell", "O e"."""
        return describe(self.crystal, slot)


def read_codes(
    weights: Weights,
    crystals: Sequence[SymmetricCrystal],
    *,
    rounds: int = SEARCH_ROUNDS,
) -> Iterator[Reading]:
    """Encode crystals, some at a time, in order.

    Args:
        weights: The networks.
        crystals: To be encoded.
        rounds: Of the search for codes that spell a crystal better than the most
            probable ones; 0 for none.

    Raises:
        RepresentationError: A crystal has more orbits or elements than the networks
            can read.
    """
    for start in range(0, len(crystals), BATCH):
        batch = crystals[start : start + BATCH]
        codes = encode(weights, batch, rounds=rounds)
        likely = _likelihoods(weights, batch, codes)
        for crystal, each, log_likelihood in zip(batch, codes, likely, strict=True):
            yield Reading(
                crystal=crystal,
                codes=each,
                slots=slots_of(weights, crystal),
                log_likelihood=log_likelihood,
            )


def elements_of(crystal: SymmetricCrystal) -> tuple[int, ...]:
    """Atomic number of each distinct element, in order of first appearance."""
    return tuple(dict.fromkeys(crystal.species))


def describe(crystal: SymmetricCrystal, slot: Slot) -> str:
    """What a code of a crystal is about: "Na", "cell", "O e"."""
    match slot.part:
        case "species":
            return SYMBOLS[elements_of(crystal)[slot.token] - 1]
        case "cell":
            return "cell"
        case "orbit":
            symbol = SYMBOLS[crystal.species[slot.token] - 1]
            return f"{symbol} {LETTERS[crystal.wyckoff[slot.token]]}"


def _likelihoods(
    weights: Weights, crystals: Sequence[SymmetricCrystal], codes: Sequence[Codes]
) -> list[float]:
    _, templates = templates_of(weights, crystals)
    elements = [elements_of(crystal) for crystal in crystals]
    species = torch.zeros(len(crystals), max(map(len, elements)), dtype=torch.long)
    for row, each in enumerate(elements):
        species[row, : len(each)] = torch.tensor(each)
    return log_likelihoods(weights, templates, species.to(weights.device), codes)
