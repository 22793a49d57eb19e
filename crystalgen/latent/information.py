"""How much a code says about a label: mutual information without its bias.

The mutual information of a sample is too large: with 64 values of a code and 89
elements, even codes drawn at random seem to say much. What codes seem to say about
shuffled labels is that bias (Steuer et al., Bioinformatics 18, S231, 2002), and is
taken off:

    I = I_sample(code; label) - mean over shuffles of I_sample(code; shuffled label)

Labels are shuffled crystal by crystal, so that those of one crystal stay together:
elements or orbits of one crystal are not independent.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

SHUFFLES = 20
"""Shuffles over which the bias is averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Information:
    """What a code says about a label.

    Attributes:
        bits: Mutual information without its bias; may come out slightly negative.
        error: Standard deviation of a shuffle's information, in bits: less than two or
            three times this is nothing.
        bias: What was taken off, in bits.
        label_entropy: Entropy of the label in bits, as sampled: the most it could be.
        code_entropy: Entropy of the code in bits, as sampled.
        n: Pairs of code and label.
    """

    bits: float
    error: float
    bias: float
    label_entropy: float
    code_entropy: float
    n: int

    @property
    def share(self) -> float:
        """Part of the label that the code fixes: 1 if all of it, 0 if it says nothing.

        The information over the most it could be, both without the bias (adjusted
        mutual information, Vinh, Epps and Bailey, JMLR 11, 2837, 2010). NaN if the
        sample is so small that codes at random fix the label.
        """
        most = self.label_entropy - self.bias
        return self.bits / most if most > 1e-9 else math.nan


def information(
    codes: Int[np.ndarray, " n"],
    labels: Int[np.ndarray, " n"],
    crystals: Int[np.ndarray, " n"],
    *,
    seed: int = 0,
    shuffles: int = SHUFFLES,
) -> Information:
    """Mutual information of a code and a label, in bits, without its bias.

    Args:
        codes: Values of the code.
        labels: Values of the label.
        crystals: Which crystal each pair is of, ascending.
        seed: Of the shuffles.
        shuffles: At least 2.
    """
    _, codes = np.unique(codes, return_inverse=True)
    _, labels = np.unique(labels, return_inverse=True)
    rng = np.random.default_rng(seed)
    random = np.array(
        [
            sample_information(codes, labels[shuffled_blocks(crystals, rng)])
            for _ in range(shuffles)
        ]
    )
    return Information(
        bits=sample_information(codes, labels) - float(random.mean()),
        error=float(random.std(ddof=1)),
        bias=float(random.mean()),
        label_entropy=entropy(np.bincount(labels)),
        code_entropy=entropy(np.bincount(codes)),
        n=len(codes),
    )


def sample_information(
    codes: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"]
) -> float:
    """Mutual information in bits of the sample as it is, with its bias.

    >>> sample_information(np.array([0, 0, 1, 1]), np.array([5, 5, 7, 7]))
    1.0
    """
    joint = codes.astype(np.int64) * (int(labels.max()) + 1) + labels
    _, pairs = np.unique(joint, return_counts=True)
    return entropy(np.bincount(codes)) + entropy(np.bincount(labels)) - entropy(pairs)


def entropy(counts: Int[np.ndarray, " values"]) -> float:
    """Entropy of a sample in bits, from how often each value occurs.

    >>> entropy(np.array([2, 1, 1]))
    1.5
    """
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())


def shuffled_blocks(
    crystals: Int[np.ndarray, " n"], rng: np.random.Generator
) -> Int[np.ndarray, " n"]:
    """Indices that put the crystals in random order and keep each together."""
    _, starts, sizes = np.unique(crystals, return_index=True, return_counts=True)
    order = rng.permutation(len(starts))
    blocks = zip(starts[order].tolist(), sizes[order].tolist(), strict=True)
    return np.concatenate([np.arange(start, start + size) for start, size in blocks])
