"""Discrete codes: learned codebooks read by distance and drawn by Gumbel-Softmax.

The logit of entry k is -‖z - e_k‖² e^b, so a code and the vector the decoder reads
for it are one parameter: a free linear layer instead lets the two drift apart and
plateaus earlier (Sønderby et al., 2017; Ramesh et al., 2021, use free logits).
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import one_hot

from crystalgen.estimators.gumbel_softmax import Relaxation, draw


class Posterior(NamedTuple):
    """What the encoder says about the codes of each token."""

    log_probabilities: Float[Tensor, "*tokens codes entries"]
    sample: Float[Tensor, "*tokens codes entries"]
    """One-hot in the forward pass, relaxed in the backward pass."""


class Codebooks(nn.Module):
    """Several codes per token, each with a codebook of its own.

    Args:
        shape: Number of codes of a token, entries of each codebook.
        code_width: Channels of an entry.
        channels: Channels of the tokens that are encoded and decoded.
    """

    def __init__(self, shape: tuple[int, int], code_width: int, channels: int) -> None:
        super().__init__()
        self.n_codes, self.n_entries = shape
        self.project = nn.Sequential(
            nn.LayerNorm(channels), nn.Linear(channels, self.n_codes * code_width)
        )
        # short entries: the direction of a token then decides, not an entry's norm
        self.entries = nn.Parameter(
            0.4 * torch.randn(self.n_codes, self.n_entries, code_width)
        )
        self.log_precision = nn.Parameter(torch.full((self.n_codes, 1), 0.5))
        self.expand = nn.Linear(self.n_codes * code_width, channels)

    def logits(
        self, hidden: Float[Tensor, "*tokens channels"]
    ) -> Float[Tensor, "*tokens codes entries"]:
        """Negative squared distance to every entry, times a learned precision."""
        latent = self.project(hidden).unflatten(-1, (self.n_codes, -1))
        squared = (
            latent.square().sum(-1, keepdim=True)
            - 2 * torch.einsum("...cw,cew->...ce", latent, self.entries)
            + self.entries.square().sum(-1)
        )
        return -squared * self.log_precision.exp()

    def posterior(
        self,
        hidden: Float[Tensor, "*tokens channels"],
        noise: Float[Tensor, "*tokens codes entries"],
        *,
        temperature: float,
    ) -> Posterior:
        """Draw codes so that gradients reach ``hidden`` and the codebooks.

        Args:
            hidden: Encoded tokens.
            noise: Gumbel(0, 1) noise; zeros take the most probable code.
            temperature: Of the relaxation, > 0.
        """
        logits = self.logits(hidden)
        sample = draw(
            logits,
            noise,
            temperature=temperature,
            relaxation=Relaxation.STRAIGHT_THROUGH,
        )
        return Posterior(logits.log_softmax(dim=-1), sample)

    def embed(
        self, sample: Float[Tensor, "*tokens codes entries"]
    ) -> Float[Tensor, "*tokens channels"]:
        """Vectors that the decoder reads for (relaxed) one-hot codes."""
        vectors = torch.einsum("...ce,cew->...cw", sample, self.entries)
        return self.expand(vectors.flatten(-2))

    def embed_indices(
        self, codes: Int[Tensor, "*tokens codes"]
    ) -> Float[Tensor, "*tokens channels"]:
        """Vectors that the decoder reads for drawn codes."""
        return self.embed(one_hot(codes, self.n_entries).to(self.entries.dtype))
