"""How likely a crystal is stable, told from what critic and relaxer say of it.

Stable is a crystal that lies, as it was drawn, within `WITHIN` of the hull. The critic
tells the energy above the hull from the composition on its positions alone; how far the
relaxer still wants to move atoms tells whether the geometry suits it. Neither knows
what the other does. A logistic regression on both, fitted to crystals of known energy,
makes a probability of them (Platt, 1999), here with a slope on each side of a hinge:

    log p/(1-p) = c₀ + c₁ min(a, 0) + c₂ max(a, 0) + c₃ u + c₄ max(u - u₀, 0)

a is the asinh of the energy over `SMALL_ENERGY`, u the logarithm of the unrest in Å,
and u₀ that of `RESTLESS`.
"""

import numpy as np
from jaxtyping import Bool, Float64

WITHIN = 0.1
"""eV/atom above the hull, up to which a crystal is called stable: what is further is
hardly ever made (Sun et al., Sci. Adv. 2, e1600225, 2016)."""
SMALL_ENERGY = 0.1
"""eV/atom above the hull, up to which differences count in full."""
RESTLESS = 0.01
"""Å; where the slope of the unrest changes."""
UNREST_RANGE = (1e-3, 0.3)
"""Å; what is beyond counts as either end."""
N_COEFFICIENTS = 5
RIDGE = 0.1
"""Weight of the squared slopes, which keeps them finite where all are stable."""
STEPS = 50
"""Of Newton's method; it ends long before."""


def terms(
    above_hull: Float64[np.ndarray, " crystals"],
    unrest: Float64[np.ndarray, " crystals"],
) -> Float64[np.ndarray, "crystals coefficients"]:
    """What the coefficients multiply.

    Args:
        above_hull: Energy above the hull that the critic tells, eV/atom.
        unrest: Length of the relaxer's last step, Å; may be infinite.
    """
    energy = np.arcsinh(above_hull / SMALL_ENERGY)
    motion = np.log(np.clip(unrest, *UNREST_RANGE))
    columns = [
        np.ones(len(energy)),
        np.minimum(energy, 0),
        np.maximum(energy, 0),
        motion,
        np.maximum(motion - np.log(RESTLESS), 0),
    ]
    return np.stack(columns, axis=1)


def probability(
    coefficients: Float64[np.ndarray, " coefficients"],
    above_hull: Float64[np.ndarray, " crystals"],
    unrest: Float64[np.ndarray, " crystals"],
) -> Float64[np.ndarray, " crystals"]:
    """Probability that each crystal is stable; NaN if coefficients are.

    Args:
        coefficients: As `fit_stability` finds them.
        above_hull: Energy above the hull that the critic tells, eV/atom.
        unrest: Length of the relaxer's last step, Å; may be infinite.
    """
    return _logistic(terms(above_hull, unrest) @ coefficients)


def fit_stability(
    above_hull: Float64[np.ndarray, " crystals"],
    unrest: Float64[np.ndarray, " crystals"],
    is_stable: Bool[np.ndarray, " crystals"],
) -> Float64[np.ndarray, " coefficients"]:
    """Find the most likely coefficients, by Newton's method.

    Args:
        above_hull: Energy above the hull that the critic tells, eV/atom.
        unrest: Length of the relaxer's last step, Å; may be infinite.
        is_stable: Whether each crystal is, as its energy was computed.
    """
    known = terms(above_hull, unrest)
    ridge = np.diag([1e-6, *[RIDGE] * (N_COEFFICIENTS - 1)])
    found = np.zeros(N_COEFFICIENTS)
    for _ in range(STEPS):
        chance = _logistic(known @ found)
        gradient = known.T @ (chance - is_stable) + ridge @ found
        weight = chance * (1 - chance)
        step = np.linalg.solve((known.T * weight) @ known + ridge, gradient)
        found -= step
        if np.abs(step).max() < 1e-10:
            break
    return found


def _logistic(odds: Float64[np.ndarray, " crystals"]) -> Float64[np.ndarray, " n"]:
    return 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
