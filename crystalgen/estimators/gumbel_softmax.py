"""Categorical draws that gradients pass through, and draws that they need not.

With noise g_k = -log(-log u_k), u_k uniform on (0, 1), the category

    argmax_k (l_k + g_k)                                               Gumbel-max

is distributed as softmax(l) (Gumbel, 1954; Yellott, 1977). The draw is then a
function of the logits l and of noise that does not depend on them, and putting a
softmax of temperature t in place of the argmax makes that function smooth:

    y_k = exp((l_k + g_k) / t) / sum_j exp((l_j + g_j) / t)        Gumbel-Softmax

(Jang et al., 2017, arXiv:1611.01144, eq. 2; Maddison et al., 2017,
arXiv:1611.00712, eq. 10). As t falls, y approaches a one-hot draw from softmax(l);
its gradient becomes less biased and more variable. Knows no crystals and keeps no
random state: the noise is always an argument.
"""

from collections.abc import Sequence
from enum import Enum

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from crystalgen.estimators.gumbel_rao import averaged, perturbed_given_draw
from crystalgen.estimators.reinmax import second_order


class Relaxation(Enum):
    """What the forward pass sees of a relaxed draw, and how gradients pass it."""

    SOFT = "soft"
    """The relaxed probabilities y themselves."""
    STRAIGHT_THROUGH = "straight_through"
    """The one-hot argmax of y, with the gradient of y (Bengio et al., 2013,
    arXiv:1308.3432; Jang et al., 2017, section 2.2)."""
    GUMBEL_RAO = "gumbel_rao"
    """The same one-hot draw, with the gradient averaged over noise that draws it."""
    REINMAX = "reinmax"
    """The same one-hot draw, with a gradient of second order; best at temperature 1."""


def gumbel_noise(
    shape: Sequence[int],
    *,
    generator: torch.Generator,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "..."]:
    """Independent standard Gumbel noise, mean 0.577 and variance 1.645.

    Args:
        shape: Shape of the logits that the noise is for.
        generator: The single source of randomness. The noise is drawn where it
            lives and then moved, so a CPU generator gives every device the same.
        device: Where the noise goes; where the generator lives, unless given.
        dtype: Its floating-point type.
    """
    # minus the logarithm of an exponential variable; in float32 at least, since a
    # uniform number of half precision has no tail to speak of
    drawn = torch.empty(
        tuple(shape),
        dtype=torch.promote_types(dtype, torch.float32),
        device=generator.device,
    ).exponential_(generator=generator)
    smallest = torch.finfo(drawn.dtype).tiny
    return drawn.clamp_min(smallest).log().neg().to(device=device, dtype=dtype)


def draw(
    logits: Float[Tensor, "*batch categories"],
    noise: Float[Tensor, "*batch categories"],
    *,
    temperature: float,
    relaxation: Relaxation,
    mask: Bool[Tensor, "*#batch categories"] | None = None,
    more_noise: Float[Tensor, "samples *batch categories"] | None = None,
) -> Float[Tensor, "*batch categories"]:
    """Draw from softmax(logits) so that gradients reach the logits.

    Args:
        logits: Unnormalized log-probabilities; a constant added to a row is ignored.
        noise: From `gumbel_noise`; zeros give the most probable category.
        temperature: Of the relaxation, > 0; not of the distribution drawn from.
        relaxation: Relaxed probabilities or one-hot rows in the forward pass.
        mask: True where a category may be drawn, at least once in each row. The
            others get probability 0 exactly, and their logits gradient 0.
        more_noise: More of `gumbel_noise` for Gumbel-Rao to average over; without it
            that is straight-through.

    Returns:
        Rows that are >= 0 and sum to 1; one-hot unless soft.

    Raises:
        ValueError: The temperature is not positive, or a row allows no category.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    allowed = _allowed(logits, mask)
    soft = ((allowed + noise) / temperature).softmax(dim=-1)
    if relaxation is Relaxation.SOFT:
        return soft
    hard = _one_hot(soft)
    match relaxation:
        case Relaxation.STRAIGHT_THROUGH:
            followed = soft
        case Relaxation.GUMBEL_RAO:
            more = noise[None][:0] if more_noise is None else more_noise
            perturbed = perturbed_given_draw(allowed, hard > 0, more)
            followed = averaged(logits, soft, perturbed, temperature=temperature)
        case Relaxation.REINMAX:
            followed = second_order(logits, allowed, hard, temperature=temperature)
    return hard + (followed - followed.detach())


def gumbel_max(
    logits: Float[Tensor, "*batch categories"],
    noise: Float[Tensor, "*batch categories"],
    *,
    temperature: float = 1.0,
    mask: Bool[Tensor, "*#batch categories"] | None = None,
) -> Int[Tensor, "*batch"]:
    """Index of a category drawn from softmax(logits / temperature), without gradient.

    Args:
        logits: Unnormalized log-probabilities; -inf is never drawn.
        noise: From `gumbel_noise`.
        temperature: Of the distribution, >= 0: 1 samples the model as it is, 0
            takes its best guess.
        mask: True where a category may be drawn, at least once in each row.

    Raises:
        ValueError: The temperature is negative, or a row allows no category.
    """
    if not temperature >= 0:
        raise ValueError(f"temperature must not be negative, got {temperature}")
    # the order of (l + t g) is that of (l / t + g), and t may be 0
    return (_allowed(logits, mask) + temperature * noise).argmax(dim=-1)


def _allowed(
    logits: Float[Tensor, "*batch categories"],
    mask: Bool[Tensor, "*#batch categories"] | None,
) -> Float[Tensor, "*batch categories"]:
    if mask is None:
        return logits
    stuck = ~mask.any(dim=-1)
    if stuck.any():
        rows = stuck.nonzero().tolist()
        raise ValueError(f"no category is allowed in {len(rows)} rows, first {rows[0]}")
    return logits.masked_fill(~mask, -torch.inf)


def _one_hot(
    soft: Float[Tensor, "*batch categories"],
) -> Float[Tensor, "*batch categories"]:
    best = soft.detach().argmax(dim=-1, keepdim=True)
    return torch.zeros_like(soft).scatter(-1, best, 1.0)
