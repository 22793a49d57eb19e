"""Gumbel-Rao: straight-through gradients averaged over all noise that draws the same.

Which category is drawn tells something of the noise, not all. The mean of the
straight-through gradient over noise given the category d has the same expectation and
no larger variance, by Rao and Blackwell (Paulus et al., 2021, arXiv:2010.04838). The
mean is taken over a few samples of it: with Gumbel noise g, log-probabilities p and
independent exponential e_k = exp(-g_k),

    v_d = -log e_d,    v_k = -log(e_k exp(-p_k) + e_d)  for k != d

are distributed as p + g is where its largest entry is that of d. The derivative leaves
the sampled noise as it is: followed through it, the mean would be that of another
estimator. Knows no crystals and keeps no random state.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

N_SAMPLES = 10
"""Samples of the noise, the one that drew the category among them."""


def perturbed_given_draw(
    allowed: Float[Tensor, "*batch categories"],
    is_drawn: Bool[Tensor, "*batch categories"],
    noise: Float[Tensor, "samples *batch categories"],
) -> Float[Tensor, "samples *batch categories"]:
    """Log-probabilities plus Gumbel noise, given which of the sums is the largest.

    Args:
        allowed: Unnormalized log-probabilities; -inf where nothing may be drawn.
        is_drawn: The category drawn, one in each row.
        noise: Standard Gumbel noise, independent of the draw.
    """
    largest = noise.masked_fill(~is_drawn, -torch.inf).amax(dim=-1, keepdim=True)
    others = -torch.logaddexp(-noise - allowed.log_softmax(dim=-1), -largest)
    return torch.where(is_drawn, largest, others)


def averaged(
    logits: Float[Tensor, "*batch categories"],
    soft: Float[Tensor, "*batch categories"],
    perturbed: Float[Tensor, "samples *batch categories"],
    *,
    temperature: float,
) -> Float[Tensor, "*batch categories"]:
    """Mean of the relaxed draws whose noise gives one category.

    Args:
        logits: Finite unnormalized log-probabilities, which the gradient goes to.
        soft: The relaxed draw with the noise that gave the category.
        perturbed: From `perturbed_given_draw`, any number of samples.
        temperature: Of the relaxation, > 0.
    """
    moved = perturbed.detach() + (logits - logits.detach())
    more = (moved / temperature).softmax(dim=-1)
    return (soft + more.sum(dim=0)) / (1 + len(perturbed))
