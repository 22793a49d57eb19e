"""Drawn species, and what the checks say of them."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from crystalgen.generation.checks import label_of
from crystalgen.generation.count_sets import counts_of
from crystalgen.generation.drawn_before import digest_of
from crystalgen.generation.weights import Weights
from crystalgen.model.draws import SpeciesDraw
from crystalgen.representation.neutrality import are_metals, is_neutral
from crystalgen.representation.prototype import Prototype


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """Species drawn for one template.

    Attributes:
        roles: Atomic number of each role.
        codes: Species codes of each role.
        log_prob: Log-probability of both, given the template.
        is_neutral: Whether usual oxidation states cancel, or all are metals.
        is_known: Whether a training crystal has these elements on these positions, and
            that counts as a fault; not asked where charges that do not cancel are one
            already.
        is_repeated: The same of crystals that the run has drawn before.
        is_metal: Whether all are metals.
        needs_balance: Whether charges that do not cancel count as a fault.
        scores: What the critic says, see `crystalgen.model.critic.scores_of`; None
            without one.
        is_unstable: Whether it cannot be as stable as was asked for, whatever its
            geometry.
    """

    roles: tuple[int, ...]
    codes: tuple[tuple[int, ...], ...]
    log_prob: float
    is_neutral: bool
    is_known: bool
    is_repeated: bool
    is_metal: bool
    needs_balance: bool
    scores: Float32[np.ndarray, " targets"] | None = None
    is_unstable: bool = False

    @property
    def fault(self) -> str:
        """First check that it fails; empty if it passes."""
        if self.needs_balance and not self.is_neutral:
            return "charge"
        if self.is_known:
            return "known"
        if self.is_repeated:
            return "repeated"
        return "stability" if self.is_unstable else ""


def composition_of(
    weights: Weights,
    prototype: Prototype,
    drawn: SpeciesDraw,
    place: int,
    *,
    allow_known: bool,
    drawn_before: AbstractSet[int] = frozenset(),
    charge_neutral: bool = True,
    scores: Float32[np.ndarray, " targets"] | None = None,
    is_unstable: bool = False,
) -> Composition:
    """One of the drawn compositions.

    Args:
        weights: What is known of the training crystals.
        prototype: On which it was drawn.
        drawn: Draws for a batch of templates.
        place: Which of them.
        allow_known: Do not ask whether it is known.
        drawn_before: Digests of the protostructures that are not to be drawn again.
        charge_neutral: Count charges that do not cancel as a fault.
        scores: What the critic says of it.
        is_unstable: Whether it cannot be as stable as was asked for.
    """
    n_roles = prototype.n_elements
    roles = tuple(drawn.species[place, :n_roles].tolist())
    neutral = is_neutral(roles, counts_of(prototype))
    label = ""
    if (neutral or not charge_neutral) and (drawn_before or not allow_known):
        label = label_of(prototype, roles)
    return Composition(
        roles=roles,
        codes=tuple(map(tuple, drawn.codes[place, :n_roles].tolist())),
        log_prob=float(drawn.log_prob[place]),
        is_neutral=neutral,
        is_known=bool(label) and not allow_known and label in weights.known,
        is_repeated=bool(drawn_before) and digest_of(label) in drawn_before,
        is_metal=are_metals(roles),
        needs_balance=charge_neutral,
        scores=scores,
        is_unstable=is_unstable,
    )
