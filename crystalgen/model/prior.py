"""Autoregressive priors: over codes given a template, and over templates.

    p(template) p(species codes | template) p(geometry codes | template, species)

A code prior reads the whole template in both directions first, then writes the codes
of one token (a role, the crystal, an orbit) after the other; within a token, one code
after the other.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from crystalgen.model.batch import Templates
from crystalgen.model.config import ModelConfig
from crystalgen.model.embedding import N_SPECIES, TemplateEmbedding
from crystalgen.model.layers import (
    CausalTransformer,
    KeyValues,
    Transformer,
    mlp,
)
from crystalgen.model.tables import MAX_LETTERS, symmetry_tables


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

    def context(
        self, templates: Templates, n_roles: int
    ) -> Float[Tensor, "crystals roles channels"]:
        """What the template says of each role."""
        read = self.transformer(self.template(templates), templates.present)
        order = self.template.role.weight[:n_roles]
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

    def context(
        self,
        templates: Templates,
        species: Float[Tensor, "crystals roles species"],
        order: Int[Tensor, "crystals coded"],
    ) -> Float[Tensor, "crystals tokens channels"]:
        """What template and species say of the crystal and of each coded orbit.

        Args:
            templates: Groups, positions and roles.
            species: One-hot element of each role.
            order: Orbits that have codes, see `coded_first`.
        """
        index = templates.role[..., None].expand(-1, -1, N_SPECIES)
        orbits = self.template(templates) + self.species(species.gather(1, index))
        whole = self.template.crystal(templates)[:, None]
        present = nn.functional.pad(templates.present, (1, 0), value=True)
        read = self.transformer(torch.cat([whole, orbits], dim=1), present)
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


class PrototypePrior(nn.Module):
    """p(Wyckoff positions and roles | space group), one orbit after the other.

    Letters never go back in the alphabet and a new role is the next number, so every
    crystal has one spelling; what else is illegal is masked by the caller.
    """

    first_position: Tensor
    n_positions: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        tables = symmetry_tables()
        self.template = TemplateEmbedding(config, width, n_prototypes=0)
        self.max_roles = config.max_roles
        self.transformer = CausalTransformer(
            width, config.heads, config.prior_layers, config.dropout
        )
        self.letter = nn.Linear(width, MAX_LETTERS + 1)
        self.position_logits = nn.Embedding(len(tables.letter), 1)
        self.role = mlp(2 * width, width, config.max_roles)
        nn.init.zeros_(self.position_logits.weight)
        self.register_buffer("first_position", tables.first_position, persistent=False)
        self.register_buffer("n_positions", tables.n_positions, persistent=False)

    @property
    def end(self) -> int:
        """Token that closes a sequence, after the last letter."""
        return MAX_LETTERS

    def tokens(self, templates: Templates) -> Float[Tensor, "crystals tokens channels"]:
        """One token for the group, then one for each orbit."""
        start = self.template.group(templates.space_group)[:, None]
        return torch.cat([start, self.template(templates)], dim=1)

    def letter_logits(
        self,
        hidden: Float[Tensor, "*crystals channels"],
        space_group: Int[Tensor, "*crystals"],
        last_letter: Int[Tensor, "*crystals"],
    ) -> Float[Tensor, "*crystals letters"]:
        """Logits of the next letter; a letter before the last one is impossible.

        Args:
            hidden: Output of the transformer.
            space_group: Number of the group.
            last_letter: Index of the last letter; 0 at the start.
        """
        letters = torch.arange(MAX_LETTERS, device=hidden.device)
        n_letters = self.n_positions[space_group][..., None]
        known = letters < n_letters
        position = self.first_position[space_group][..., None] + letters * known
        of_position = self.position_logits(position).squeeze(-1)
        logits = self.letter(hidden)
        legal = known & (letters >= last_letter[..., None])
        of_letter = (logits[..., :-1] + of_position).masked_fill(~legal, -1e9)
        return torch.cat([of_letter, logits[..., -1:]], dim=-1)

    def role_logits(
        self,
        hidden: Float[Tensor, "*crystals channels"],
        position: Int[Tensor, "*crystals"],
        n_used: Int[Tensor, "*crystals"],
    ) -> Float[Tensor, "*crystals roles"]:
        """Logits of the role on a position: one used before, or the next new one."""
        chosen = self.template.of_position(position)
        logits = self.role(torch.cat([hidden, chosen], dim=-1))
        roles = torch.arange(self.max_roles, device=logits.device)
        return logits.masked_fill(roles > n_used[..., None], -1e9)

    def log_likelihood(self, templates: Templates) -> Float[Tensor, " crystals"]:
        """Log-probability of each template given its group."""
        present = templates.present
        hidden = self.transformer(self.tokens(templates))
        letters = symmetry_letters(templates)
        n_orbits = present.shape[1]
        group = templates.space_group[:, None].expand(-1, n_orbits + 1)
        before = nn.functional.pad(letters, (1, 0))
        log_letters = self.letter_logits(hidden, group, before).log_softmax(-1)
        target = nn.functional.pad(
            torch.where(present, letters, self.end), (0, 1), value=self.end
        )
        counted = nn.functional.pad(present, (1, 0), value=True)
        of_letters = log_letters.gather(-1, target[..., None]).squeeze(-1) * counted
        running = templates.role.cummax(dim=1).values + 1
        n_used = nn.functional.pad(running[:, :-1], (1, 0))
        log_roles = self.role_logits(
            hidden[:, :-1], templates.position, n_used
        ).log_softmax(-1)
        of_roles = log_roles.gather(-1, templates.role[..., None]).squeeze(-1)
        return of_letters.sum(dim=1) + (of_roles * present).sum(dim=1)


def symmetry_letters(templates: Templates) -> Int[Tensor, "crystals orbits"]:
    """Index of each orbit's position in its group, 0 for a; 0 on padding."""
    tables = symmetry_tables()
    return tables.letter.to(templates.position.device)[templates.position]
