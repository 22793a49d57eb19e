"""Autoregressive prior over templates given a space group."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crystalgen.model.batch import Templates
from crystalgen.model.conditions import ConditionEmbedding
from crystalgen.model.config import ModelConfig
from crystalgen.model.embedding import TemplateEmbedding
from crystalgen.model.layers import CausalTransformer, mlp
from crystalgen.model.tables import MAX_LETTERS, symmetry_tables


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
        if config.properties:
            self.given = ConditionEmbedding(len(config.properties), width)
        self.register_buffer("first_position", tables.first_position, persistent=False)
        self.register_buffer("n_positions", tables.n_positions, persistent=False)

    @property
    def end(self) -> int:
        """Token that closes a sequence, after the last letter."""
        return MAX_LETTERS

    def start(
        self,
        space_group: Int[Tensor, " crystals"],
        conditions: Float[Tensor, "crystals properties"] | None = None,
    ) -> Float[Tensor, "crystals channels"]:
        """The first token: a group and what the crystal shall be like."""
        group = self.template.group(space_group)
        return group if conditions is None else group + self.given(conditions)

    def tokens(
        self,
        templates: Templates,
        conditions: Float[Tensor, "crystals properties"] | None = None,
    ) -> Float[Tensor, "crystals tokens channels"]:
        """One token for the group, then one for each orbit."""
        start = self.start(templates.space_group, conditions)[:, None]
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

    def log_likelihood(
        self,
        templates: Templates,
        conditions: Float[Tensor, "crystals properties"] | None = None,
    ) -> Float[Tensor, " crystals"]:
        """Log-probability of each template given its group and the conditions."""
        present = templates.present
        hidden = self.transformer(self.tokens(templates, conditions))
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
