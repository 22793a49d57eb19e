"""One composition for each draw of a block, so that the block stays what it was.

Taking the best composition for each draw alone would shift what a run is made of: it
would have fewer oxides, or be lighter, as good compositions are. So the draws of a
block choose together. What is minimised is

    Σ_r cost(r, k_r) + w/2 Σ_j (Σ_r f_j(r, k_r) − T_j)² / V_j

over the choices k_r, where the features f_j of a composition say how much of it belongs
to a family of the periodic table and how dense it will be, T_j is the mean of the sum
over all that was drawn, and V_j its variance if each draw chose at random. As T_j is a
mean over all compositions drawn, it scatters less than that of as many crystals drawn
one by one: this is stratified sampling by quotas, and a choice at no cost narrows the
scatter of a run, too.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int

LIKENESS = 2.0
"""Weight w of what is to stay as it was drawn; costs are of order 1."""
SWEEPS = 4
"""Times that each draw chooses anew at most, given what the others have chosen."""
LEAST_VARIANCE = 0.25
"""Is added to each V_j, in crystals squared (features are shares of crystals): families
too rare for that need not come out exactly."""


def choose_together(
    costs: Float64[np.ndarray, "draws choices"],
    features: Float64[np.ndarray, "draws choices features"],
    usual: Bool[np.ndarray, "draws choices"],
    chosen: Int[np.ndarray, " draws"],
    is_open: Bool[np.ndarray, " draws"],
    *,
    weight: float,
) -> Int[np.ndarray, " draws"]:
    """What each draw takes.

    Coordinate descent: one draw after the other takes what is best given the others.

    Args:
        costs: Of order 1, lower is better; infinite where it cannot be taken.
        features: What is to stay as it was, see `features_of`; there may be none.
        usual: What counts for how it was, at least one for each draw.
        chosen: Choice of each draw so far.
        is_open: Draws that may choose; the others keep what they have.
        weight: Of the features; 0 for the least cost of each draw alone.

    Returns:
        Number of the choice of each draw.
    """
    chosen = chosen.copy()
    rows = np.flatnonzero(is_open & np.isfinite(costs).any(axis=1))
    chosen[rows] = costs[rows].argmin(axis=1)
    if not weight or not features.size or not len(rows):
        return chosen
    share = usual / usual.sum(axis=1, keepdims=True)
    mean = np.einsum("rk,rkf->rf", share, features)
    variance = np.einsum("rk,rkf->f", share, (features - mean[:, None]) ** 2)
    scale = np.sqrt(0.5 * weight / (variance + LEAST_VARIANCE))
    scaled = features * scale
    everyone = np.arange(len(chosen))
    excess = (scaled[everyone, chosen] - mean * scale).sum(axis=0)
    for _ in range(SWEEPS):
        n_changed = 0
        for row in rows.tolist():
            others = excess - scaled[row, chosen[row]]
            after = others + scaled[row]
            best = int(np.argmin(costs[row] + np.einsum("kf,kf->k", after, after)))
            n_changed += best != chosen[row]
            chosen[row], excess = best, after[best]
        if not n_changed:
            break
    return chosen
