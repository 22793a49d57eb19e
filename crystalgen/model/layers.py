"""Transformer blocks over the orbits of a crystal. They know tokens, not crystals."""

from itertools import pairwise
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

EXPANSION = 2
"""Channels inside a block's feed-forward layer, as a multiple of its width."""


class KeyValues(NamedTuple):
    """Keys and values of the tokens that one attention layer has already read."""

    keys: Float[Tensor, "crystals heads tokens head_channels"]
    values: Float[Tensor, "crystals heads tokens head_channels"]


class Block(nn.Module):
    """A pre-norm transformer block (Xiong et al., 2020, arXiv:2002.04745)."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.norm_feedforward = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, EXPANSION * width),
            nn.GELU(),
            nn.Linear(EXPANSION * width, width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Float[Tensor, "crystals tokens channels"],
        allowed: Bool[Tensor, "#crystals #tokens seen"] | None,
        past: KeyValues | None = None,
    ) -> tuple[Float[Tensor, "crystals tokens channels"], KeyValues]:
        """Update tokens from those they may attend to.

        Args:
            tokens: New tokens.
            allowed: Which tokens (past ones first) each new token may attend to;
                None for all.
            past: Keys and values of tokens read before.

        Returns:
            The updated tokens and the keys and values including theirs.
        """
        query, key, value = self._parts(
            self.query_key_value(self.norm_attention(tokens))
        )
        if past is not None:
            key = torch.cat([past.keys, key], dim=2)
            value = torch.cat([past.values, value], dim=2)
        mask = None if allowed is None else allowed[:, None]
        attended = scaled_dot_product_attention(query, key, value, attn_mask=mask)
        merged = attended.transpose(1, 2).flatten(-2)
        return self._update(tokens, merged), KeyValues(key, value)

    def forward_packed(
        self,
        tokens: Float[Tensor, "present channels"],
        places: Int[Tensor, " present"],
        allowed: Bool[Tensor, "crystals 1 seen"],
    ) -> Float[Tensor, "present channels"]:
        """Update the present tokens of a padded batch, and spend nothing on padding.

        Args:
            tokens: Present tokens of all crystals, one after the other.
            places: Where each is among all tokens of the batch, padding included.
            allowed: Which tokens those of a crystal may attend to.
        """
        n_crystals, _, n_tokens = allowed.shape
        qkv = self.query_key_value(self.norm_attention(tokens))
        padded = qkv.new_zeros(n_crystals * n_tokens, qkv.shape[1])
        padded.index_copy_(0, places, qkv)
        query, key, value = self._parts(padded.unflatten(0, (n_crystals, n_tokens)))
        attended = scaled_dot_product_attention(
            query, key, value, attn_mask=allowed[:, None]
        )
        merged = attended.transpose(1, 2).flatten(-2).flatten(0, 1)
        return self._update(tokens, merged.index_select(0, places))

    def _parts(
        self, qkv: Float[Tensor, "crystals tokens all_channels"]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value of each head."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in qkv.chunk(3, dim=-1)
        )
        return query, key, value

    def _update(
        self,
        tokens: Float[Tensor, "*tokens channels"],
        attended: Float[Tensor, "*tokens channels"],
    ) -> Float[Tensor, "*tokens channels"]:
        """Add to tokens what they attended to, and what follows from it."""
        tokens = tokens + self.dropout(self.output(attended))
        update = self.feedforward(self.norm_feedforward(tokens))
        return tokens + self.dropout(update)


class Transformer(nn.Module):
    """A stack of blocks with a final norm; bidirectional among the present tokens."""

    def __init__(
        self, width: int, heads: int, layers: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        tokens: Float[Tensor, "crystals tokens channels"],
        present: Bool[Tensor, "crystals tokens"],
    ) -> Float[Tensor, "crystals tokens channels"]:
        """Let every token attend to all present ones.

        In evaluation mode, padding is left out of the linear layers and reads as zero.
        """
        allowed = present[:, None, :]
        if not self.training:
            return self._forward_packed(tokens, allowed)
        for block in self.blocks:
            tokens, _ = block(tokens, allowed)
        return self.norm(tokens)

    def _forward_packed(
        self,
        tokens: Float[Tensor, "crystals tokens channels"],
        allowed: Bool[Tensor, "crystals 1 tokens"],
    ) -> Float[Tensor, "crystals tokens channels"]:
        places = allowed.flatten().nonzero().squeeze(1)
        rows = tokens.flatten(0, 1).index_select(0, places)
        for block in self.blocks:
            rows = cast(Block, block).forward_packed(rows, places, allowed)
        read = torch.zeros_like(tokens)
        read.flatten(0, 1).index_copy_(0, places, self.norm(rows))
        return read


class CausalTransformer(nn.Module):
    """A stack of blocks in which a token sees itself and those before it."""

    def __init__(
        self, width: int, heads: int, layers: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, tokens: Float[Tensor, "crystals tokens channels"]
    ) -> Float[Tensor, "crystals tokens channels"]:
        """Read whole sequences at once (training)."""
        n_tokens = tokens.shape[1]
        causal = torch.ones(
            1, n_tokens, n_tokens, dtype=torch.bool, device=tokens.device
        ).tril()
        for block in self.blocks:
            tokens, _ = block(tokens, causal)
        return self.norm(tokens)

    def step(
        self,
        token: Float[Tensor, "crystals channels"],
        past: tuple[KeyValues, ...] | None,
    ) -> tuple[Float[Tensor, "crystals channels"], tuple[KeyValues, ...]]:
        """Read one more token of each sequence, given what was read before.

        Equal to the last row of `forward` on the whole sequence, at the cost of
        one token.
        """
        hidden = token[:, None]
        read: list[KeyValues] = []
        for layer, block in enumerate(self.blocks):
            hidden, key_values = block(hidden, None, past[layer] if past else None)
            read.append(key_values)
        return self.norm(hidden[:, 0]), tuple(read)


def select_rows(
    past: tuple[KeyValues, ...], rows: Shaped[Tensor, " some"]
) -> tuple[KeyValues, ...]:
    """The keys and values of some of the sequences.

    Args:
        past: Of all of them.
        rows: Their numbers, or which they are.
    """
    return tuple(KeyValues(each.keys[rows], each.values[rows]) for each in past)


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers with GELU between them.

    Args:
        widths: Channels of the input, of each hidden layer and of the output.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.GELU()]
    return nn.Sequential(*layers[:-1])
