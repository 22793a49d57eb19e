"""Autoregressive priors over codes given a template.

    p(species codes | template) p(geometry codes | template, species)

The template comes before, see `crystalgen.model.prototype_prior`. A code prior reads
the whole template in both directions first, then writes the codes of one token (a role,
the crystal, an orbit) after the other; within a token, one code after the other.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from crystalgen.model.batch import Templates
from crystalgen.model.conditions import ConditionEmbedding
from crystalgen.model.config import ModelConfig
from crystalgen.model.embedding import N_SPECIES, TemplateEmbedding
from crystalgen.model.layers import (
    CausalTransformer,
    KeyValues,
    Transformer,
)


class CodeSequence(nn.Module):
    """Autoregressive distribution of the codes of a sequence of tokens.

    Args:
        config: Shape of the networks.
        shape: Codes of a token, entries of each.
        width: Channels of the tokens.
    """

    def __init__(self, config: ModelConfig, shape: tuple[int, int], width: int) -> None:
        super().__init__()
        self.n_codes, self.n_entries = shape
        self.transformer = CausalTransformer(
            width, config.heads, config.prior_layers, config.dropout
        )
        self.entries = nn.Parameter(
            0.3 * torch.randn(self.n_codes, self.n_entries, width)
        )
        self.which = nn.Parameter(0.3 * torch.randn(self.n_codes, width))
        self.within = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU()
        )
        self.readout = nn.Parameter(
            torch.randn(self.n_codes, width, self.n_entries) / width**0.5
        )

    def forward(
        self,
        context: Float[Tensor, "crystals tokens channels"],
        codes: Float[Tensor, "crystals tokens codes entries"],
    ) -> Float[Tensor, "crystals tokens codes entries"]:
        """Log-probabilities of every code given those before it (training).

        Args:
            context: What is known of each token beforehand.
            codes: One-hot codes; may carry gradients.
        """
        read = torch.einsum("btce,cew->btcw", codes, self.entries)
        before = nn.functional.pad(read.sum(dim=2)[:, :-1], (0, 0, 1, 0))
        hidden = self.transformer(context + before)
        earlier = read.cumsum(dim=2) - read
        inner = self.within(hidden[:, :, None] + earlier + self.which)
        logits = torch.einsum("btcw,cwe->btce", inner, self.readout)
        return logits.log_softmax(dim=-1)

    def start(
        self, context: Float[Tensor, "crystals channels"]
    ) -> tuple[Float[Tensor, "crystals channels"], tuple[KeyValues, ...]]:
        """Read the context of the first token (generation)."""
        return self.transformer.step(context, None)

    def step(
        self,
        context: Float[Tensor, "crystals channels"],
        previous: Int[Tensor, "crystals codes"],
        past: tuple[KeyValues, ...],
    ) -> tuple[Float[Tensor, "crystals channels"], tuple[KeyValues, ...]]:
        """Read the codes just written and the context of the next token."""
        which = torch.arange(self.n_codes, device=previous.device)
        return self.transformer.step(
            context + self.entries[which, previous].sum(dim=1), past
        )

    def logits(
        self,
        hidden: Float[Tensor, "crystals channels"],
        written: Int[Tensor, "crystals written"],
    ) -> Float[Tensor, "crystals entries"]:
        """Logits of the next code of a token, given the codes written of it."""
        code = written.shape[1]
        which = torch.arange(code, device=written.device)
        earlier = self.entries[which, written].sum(dim=1)
        inner = self.within(hidden + earlier + self.which[code])
        return inner @ self.readout[code]


class SpeciesPrior(nn.Module):
    """p(species codes | template): one token for each role."""

    def __init__(self, config: ModelConfig, n_prototypes: int) -> None:
        super().__init__()
        width = config.species_prior_width
        self.template = TemplateEmbedding(config, width, n_prototypes)
        self.transformer = Transformer(
            width, config.heads, config.context_layers, config.dropout
        )
        self.codes = CodeSequence(config, config.species_codes, width)
        if config.properties:
            n_properties = len(config.properties)
            self.given = ConditionEmbedding(n_properties, width)
            self.given_to_roles = ConditionEmbedding(n_properties, width)

    def context(
        self,
        templates: Templates,
        n_roles: int,
        conditions: Float[Tensor, "crystals properties"] | None = None,
    ) -> Float[Tensor, "crystals roles channels"]:
        """What the template says of each role.

        Args:
            templates: Groups, positions and roles.
            n_roles: Roles to tell of.
            conditions: Standardised properties to have, NaN where any will do.
        """
        orbits = self.template(templates)
        order = self.template.role.weight[:n_roles]
        if conditions is not None:
            orbits = orbits + self.given(conditions)[:, None]
            order = order + self.given_to_roles(conditions)[:, None]
        read = self.transformer(orbits, templates.present)
        return templates.membership(n_roles) @ read + order


class GeometryPrior(nn.Module):
    """p(geometry codes | template, species): the crystal, then its free orbits."""

    def __init__(self, config: ModelConfig, n_prototypes: int) -> None:
        super().__init__()
        width = config.width
        self.template = TemplateEmbedding(config, width, n_prototypes)
        self.species = nn.Linear(N_SPECIES, width, bias=False)
        self.transformer = Transformer(
            width, config.heads, config.context_layers, config.dropout
        )
        self.codes = CodeSequence(config, config.geometry_codes, width)
        if config.properties:
            self.given = ConditionEmbedding(len(config.properties), width)

    def context(
        self,
        templates: Templates,
        species: Float[Tensor, "crystals roles species"],
        order: Int[Tensor, "crystals coded"],
        conditions: Float[Tensor, "crystals properties"] | None = None,
    ) -> Float[Tensor, "crystals tokens channels"]:
        """What template and species say of the crystal and of each coded orbit.

        Args:
            templates: Groups, positions and roles.
            species: One-hot element of each role.
            order: Orbits that have codes, see `coded_first`.
            conditions: Standardised properties to have, NaN where any will do.
        """
        index = templates.role[..., None].expand(-1, -1, N_SPECIES)
        orbits = self.template(templates) + self.species(species.gather(1, index))
        whole = self.template.crystal(templates)[:, None]
        tokens = torch.cat([whole, orbits], dim=1)
        if conditions is not None:
            tokens = tokens + self.given(conditions)[:, None]
        present = nn.functional.pad(templates.present, (1, 0), value=True)
        read = self.transformer(tokens, present)
        return torch.cat([read[:, :1], take_orbits(read[:, 1:], order)], dim=1)


def coded_first(
    coded: Bool[Tensor, "crystals orbits"],
) -> tuple[Int[Tensor, "crystals coded"], Bool[Tensor, "crystals coded"]]:
    """Order that puts the orbits with codes first, and which places are filled.

    Orbits without freedom need no code; leaving them out keeps sequences short.
    """
    n_coded = int(coded.sum(dim=1).max())
    order = (~coded).long().argsort(dim=1, stable=True)[:, :n_coded]
    return order, coded.gather(1, order)


def take_orbits(
    values: Float[Tensor, "crystals orbits *rest"],
    order: Int[Tensor, "crystals coded"],
) -> Float[Tensor, "crystals coded *rest"]:
    """Values of the orbits named by ``order``."""
    rows = torch.arange(len(order), device=order.device)[:, None]
    return values[rows, order]
