"""What can be expected of a crystal: its energy, its forces, and whether it is stable.

A surrogate, at no cost: what the critic says of the composition, and how far the
relaxer still wanted to move the atoms. It ranks crystals for what computes energies
(`crystalgen.model.stability`), and does not replace it.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from crystalgen.errors import RequestError
from crystalgen.generation.weights import Weights
from crystalgen.model.critic import ABOVE_HULL, FORCE, FORMATION, Critic, targets_of
from crystalgen.model.stability import UNREST_RANGE, probability

DIGITS = 4
"""Decimals of all figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is expected of a crystal as it was drawn.

    Attributes:
        e_above_hull: eV/atom, as likely exceeded as not.
        formation_energy_per_atom: eV/atom.
        largest_force: eV/Å, of the atom with the largest one.
        unrest: Å; how far the relaxer still wanted to move an atom, at most the upper
            end of `UNREST_RANGE`.
        stability: Probability to lie within 0.1 eV/atom of the hull; None for weights
            that are not calibrated for that.
    """

    e_above_hull: float
    formation_energy_per_atom: float
    largest_force: float
    unrest: float
    stability: float | None

    def as_dict(self) -> dict[str, float]:
        """What is known, by name."""
        known = {
            "e_above_hull": self.e_above_hull,
            "formation_energy_per_atom": self.formation_energy_per_atom,
            "largest_force": self.largest_force,
            "unrest": self.unrest,
        }
        return (
            known if self.stability is None else known | {"stability": self.stability}
        )


def expectation(
    critic: Critic, scores: Float32[np.ndarray, " targets"], unrest: float
) -> Expectation:
    """What is expected of one crystal.

    Args:
        critic: With or without a calibration.
        scores: What it says of the crystal.
        unrest: Å; see `crystalgen.generation.relaxation.Relaxed`.
    """
    told = {name: each.item() for name, each in targets_of(scores[None]).items()}
    chance = stability(critic, scores[None], np.array([unrest])).item()
    return Expectation(
        e_above_hull=round(told[ABOVE_HULL], DIGITS),
        formation_energy_per_atom=round(told[FORMATION], DIGITS),
        largest_force=round(told[FORCE], DIGITS),
        unrest=round(min(unrest, UNREST_RANGE[1]), DIGITS),
        stability=None if np.isnan(chance) else round(chance, DIGITS),
    )


def stability(
    critic: Critic,
    scores: Float32[np.ndarray, "crystals targets"],
    unrest: Float64[np.ndarray, " crystals"],
) -> Float64[np.ndarray, " crystals"]:
    """Probability that each crystal is stable; NaN without a calibration.

    Args:
        critic: With or without a calibration.
        scores: What it says of the crystals.
        unrest: Å.
    """
    above = targets_of(scores)[ABOVE_HULL]
    return probability(critic.stability.cpu().double().numpy(), above, unrest)


def check_stability(weights: Weights) -> None:
    """Make sure that weights can tell how likely crystals are stable.

    Raises:
        RequestError: They cannot.
    """
    critic = weights.networks.critic
    if critic is None or critic.stability.isnan().any():
        raise RequestError(
            f"min stability: weights {weights.name} cannot tell which crystals are"
            " stable; teach them from energies (crystalgen teach), then calibrate them"
            " (crystalgen calibrate WEIGHTS RUN --energies TABLE)"
        )
