"""Drawn species, and what the checks say of them."""

from dataclasses import dataclass

from crystalgen.generation.checks import is_known
from crystalgen.generation.weights import Weights
from crystalgen.model.draws import SpeciesDraw
from crystalgen.representation.crystal import primitive_multiplicities
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
            that counts as a fault; not asked where charges do not cancel.
        is_metal: Whether all are metals.
    """

    roles: tuple[int, ...]
    codes: tuple[tuple[int, ...], ...]
    log_prob: float
    is_neutral: bool
    is_known: bool
    is_metal: bool

    @property
    def fault(self) -> str:
        """First check that it fails; empty if it passes."""
        return "charge" if not self.is_neutral else "known" if self.is_known else ""


def composition_of(
    weights: Weights,
    prototype: Prototype,
    drawn: SpeciesDraw,
    place: int,
    *,
    allow_known: bool,
) -> Composition:
    """One of the drawn compositions.

    Args:
        weights: What is known of the training crystals.
        prototype: On which it was drawn.
        drawn: Draws for a batch of templates.
        place: Which of them.
        allow_known: Do not ask whether it is known.
    """
    n_roles = prototype.n_elements
    roles = tuple(drawn.species[place, :n_roles].tolist())
    sizes = primitive_multiplicities(prototype.space_group)
    counts = [0] * n_roles
    for letter, role in zip(prototype.wyckoff, prototype.roles, strict=True):
        counts[role] += sizes[letter]
    neutral = is_neutral(roles, tuple(counts))
    return Composition(
        roles=roles,
        codes=tuple(map(tuple, drawn.codes[place, :n_roles].tolist())),
        log_prob=float(drawn.log_prob[place]),
        is_neutral=neutral,
        is_known=neutral and not allow_known and is_known(prototype, roles, weights),
        is_metal=are_metals(roles),
    )
