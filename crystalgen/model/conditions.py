"""Properties that the priors are told before they choose.

A property that is not given is NaN, so that one tensor says both what is asked for and
of which properties nothing is. In training properties are hidden at random: the same
networks then know the crystals with and without a condition, and the difference of the
two can be stretched (Ho and Salimans, 2022, arXiv:2207.12598).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from crystalgen.model.batch import Templates
from crystalgen.model.embedding import MAGNIFICATIONS
from crystalgen.model.layers import mlp
from crystalgen.model.tables import N_GROUPS

GIVEN_SHARE = 0.6
"""Chance of each property of a crystal to be shown, where any is."""
N_BUMPS = 17
"""Gaussians on which a standardised value is spread, half a deviation apart."""
FARTHEST = 8.0
"""Deviations beyond which values look alike."""


class ConditionEmbedding(nn.Module):
    """Sum of a vector for each property that is given; zero at first.

    Args:
        n_properties: Properties that can be given, at least one.
        width: Channels of the vectors.
    """

    bumps: Tensor

    def __init__(self, n_properties: int, width: int) -> None:
        super().__init__()
        n_features = 1 + len(MAGNIFICATIONS) + N_BUMPS
        self.read = nn.ModuleList(
            mlp(n_features, width, width) for _ in range(n_properties)
        )
        for layers in self.read:
            last = list(layers.children())[-1]
            for parameter in last.parameters():
                nn.init.zeros_(parameter)
        reach = (N_BUMPS - 1) / 4
        self.register_buffer(
            "bumps", torch.linspace(-reach, reach, N_BUMPS), persistent=False
        )

    def forward(
        self, conditions: Float[Tensor, "crystals properties"]
    ) -> Float[Tensor, "crystals channels"]:
        """Embed the properties that are given.

        Args:
            conditions: Standardised values, NaN where nothing is asked for.
        """
        is_given = ~conditions.isnan()
        value = conditions.nan_to_num(nan=0.0).clamp(-FARTHEST, FARTHEST)[..., None]
        features = torch.cat(
            [
                value,
                *(torch.tanh(factor * value) for factor in MAGNIFICATIONS),
                torch.exp(-2.0 * (value - self.bumps).square()),
            ],
            dim=-1,
        )
        read = [layers(features[:, i]) for i, layers in enumerate(self.read)]
        return (torch.stack(read, dim=1) * is_given[..., None]).sum(dim=1)


class GroupPrior(nn.Module):
    """p(space group | conditions).

    Only ever used against itself without the conditions: how often groups occur is
    counted, see `crystalgen.model.statistics`.
    """

    def __init__(self, n_properties: int, width: int) -> None:
        super().__init__()
        self.given = ConditionEmbedding(n_properties, width)
        self.start = nn.Parameter(0.3 * torch.randn(width))
        self.out = mlp(width, width, N_GROUPS + 1)

    def forward(
        self, conditions: Float[Tensor, "crystals properties"]
    ) -> Float[Tensor, "crystals groups"]:
        """Log-probability of each space group; the first column is unused."""
        return self.out(self.start + self.given(conditions)).log_softmax(dim=-1)

    def log_likelihood(
        self,
        templates: Templates,
        conditions: Float[Tensor, "crystals properties"],
    ) -> Float[Tensor, " crystals"]:
        """Log-probability of the group of each template."""
        group = templates.space_group[:, None]
        return self(conditions).gather(1, group).squeeze(1)


def hide_properties(
    values: Float[Tensor, "crystals properties"],
    generator: torch.Generator,
    *,
    hidden_share: float,
) -> Float[Tensor, "crystals properties"]:
    """Properties shown to the priors in one step of training, NaN elsewhere.

    Args:
        values: NaN where unknown.
        generator: Source of the noise.
        hidden_share: Share of the crystals of which nothing is shown.
    """
    n_crystals, n_properties = values.shape
    luck = torch.rand(
        n_crystals, 1 + n_properties, generator=generator, device=generator.device
    )
    is_shown: Bool[Tensor, "crystals properties"] = (luck[:, :1] >= hidden_share) & (
        luck[:, 1:] < GIVEN_SHARE
    )
    return values.where(is_shown.to(values.device), torch.nan)
