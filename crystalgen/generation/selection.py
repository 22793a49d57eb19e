"""One composition for each draw of a block, so that the block is made of what is usual.

Taking the best composition for each draw alone would shift what a run is made of: it
would have fewer oxides, or be lighter, as good compositions are. So the draws of a
block choose together. What is minimised is

    Σ_r cost(r, k_r) + w/2 Σ_j (Σ_r f_j(r, k_r) − T_j)² / V_j

over the choices k_r, where the features f_j of a composition say how much of it belongs
to a family of the periodic table and how dense it will be, T_j is what the sum should
be, and V_j its variance if each draw chose at random.

What it should be is the mean of the sum over all that was drawn, which is right for
any request. Where nothing is asked for, the training crystals tell it better: what the
checks refuse more often, silicides for example, is not rarer then. Of n draws,
n/(n + `FEW`) of the target comes from them, for few draws cannot hold a bit of
everything. Either target scatters less than that of as many crystals drawn one by one:
this is stratified sampling by quotas, and a choice at no cost narrows the scatter of a
run, too.
"""

import numpy as np
from jaxtyping import Bool, Float64, Int

LIKENESS = 2.0
"""Weight w of being made of what is usual; costs are of order 1."""
SWEEPS = 4
"""Times that each draw chooses anew at most, given what the others have chosen."""
FEW = 16
"""Draws of which half the target is that of the training crystals."""
LEAST_VARIANCE = 0.25
"""Is added to each V_j, in crystals squared (features are shares of crystals): families
too rare for that need not come out exactly."""


def choose_together(
    costs: Float64[np.ndarray, "draws choices"],
    features: Float64[np.ndarray, "draws choices features"],
    is_like: Bool[np.ndarray, "draws choices"],
    *,
    weight: float,
    usual_features: Float64[np.ndarray, " features"] | None = None,
) -> Int[np.ndarray, " draws"]:
    """What each draw takes.

    Coordinate descent: one draw after the other takes what is best given the others.

    Args:
        costs: Of order 1, lower is better; infinite where it cannot be taken, which is
            not so of all choices of a draw.
        features: What is to be as usual, see
            `crystalgen.model.composition_features`; there may be none.
        is_like: What counts for what was drawn, at least one for each draw.
        weight: Of the features; 0 for the least cost of each draw alone.
        usual_features: Their means over the training crystals; None to keep to what was
            drawn.

    Returns:
        Number of the choice of each draw.
    """
    chosen = costs.argmin(axis=1)
    if not weight or not features.size:
        return chosen
    share = is_like / is_like.sum(axis=1, keepdims=True)
    mean = np.einsum("rk,rkf->rf", share, features)
    variance = np.einsum("rk,rkf->f", share, (features - mean[:, None]) ** 2)
    scale = np.sqrt(0.5 * weight / (variance + LEAST_VARIANCE))
    scaled = features * scale
    everyone = np.arange(len(chosen))
    if usual_features is not None:
        mean += len(mean) / (len(mean) + FEW) * (usual_features - mean)
    excess = (scaled[everyone, chosen] - mean * scale).sum(axis=0)
    for _ in range(SWEEPS):
        n_changed = 0
        for row in everyone.tolist():
            others = excess - scaled[row, chosen[row]]
            after = others + scaled[row]
            best = int(np.argmin(costs[row] + np.einsum("kf,kf->k", after, after)))
            n_changed += best != chosen[row]
            chosen[row], excess = best, after[best]
        if not n_changed:
            break
    return chosen
