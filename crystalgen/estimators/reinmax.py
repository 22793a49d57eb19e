"""ReinMax: the gradient of a categorical draw, accurate to second order.

Straight-through gradients follow a function f by one tangent, at the category drawn.
The mean of the tangents at both ends of a step, Heun's method, is exact where f is
quadratic (Liu et al., 2023, arXiv:2304.08612); far from that it need not be better. For
probabilities p = softmax(l), a one-hot draw d from them, and the upstream gradient g,

    q = (d + softmax(l / t)) / 2,    2 J(q) g - J(p) g / 2,    J(p) = diag(p) - p pᵀ

is its gradient with respect to l, of second order for t = 1; the authors take t >= 1.
Knows no crystals and keeps no random state.
"""

from jaxtyping import Float
from torch import Tensor


def second_order(
    logits: Float[Tensor, "*batch categories"],
    allowed: Float[Tensor, "*batch categories"],
    one_hot: Float[Tensor, "*batch categories"],
    *,
    temperature: float,
) -> Float[Tensor, "*batch categories"]:
    """A function of the logits that has ReinMax's gradient; its value means nothing.

    Args:
        logits: Finite unnormalized log-probabilities, which the gradient goes to.
        allowed: The same with -inf where a category may not be drawn.
        one_hot: The draw from them.
        temperature: The t above, > 0.
    """
    fixed = allowed.detach()
    half = (one_hot + (fixed / temperature).softmax(dim=-1)) / 2
    return 2 * _tangent(logits, half) - _tangent(logits, fixed.softmax(dim=-1)) / 2


def _tangent(
    logits: Float[Tensor, "*batch categories"],
    probabilities: Float[Tensor, "*batch categories"],
) -> Float[Tensor, "*batch categories"]:
    """A linear function of the logits with the Jacobian of a softmax, J(p)."""
    return probabilities * (logits - (probabilities * logits).sum(-1, keepdim=True))
