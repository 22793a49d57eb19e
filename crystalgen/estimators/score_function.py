"""The score-function estimator, for rewards that no gradient passes through.

    ∇ E[r(z)] = E[(r(z) - b) ∇ log p(z)]

(Williams, 1992, doi:10.1007/BF00992696). A baseline b that does not depend on the draw
leaves the estimate unbiased and takes most of its variance away; of several draws from
one distribution, the mean reward of the others serves (Kool et al., 2019, "Buy 4
REINFORCE samples, get a baseline for free!"). Where a relaxation exists, as for what a
network reads of a draw, `gumbel_softmax` has the smaller variance. Knows no crystals.
"""

from jaxtyping import Bool, Float
from torch import Tensor


def leave_one_out(
    reward: Float[Tensor, "groups draws"], counted: Bool[Tensor, "groups draws"]
) -> Float[Tensor, "groups draws"]:
    """Reward of each draw less the mean reward of the other draws of its group.

    Args:
        reward: Of each draw; the draws of a group come from one distribution.
        counted: Draws to compare with each other. The advantage of all others is 0, so
            that the estimate moves probability among the counted draws only and the
            share of the others stays what it was.

    Returns:
        The advantages; 0 where nothing is left to compare with.
    """
    kept = reward * counted
    others = counted.sum(dim=1, keepdim=True) - 1
    baseline = (kept.sum(dim=1, keepdim=True) - kept) / others.clamp(min=1)
    return (reward - baseline) * (counted & (others > 0))
