"""Priors that are told of properties, and how hard they insist on them.

Classifier-free guidance (Ho and Salimans, 2022, arXiv:2207.12598): each choice is made
from the logits free + w (told - free), where ``free`` knows no properties. A weight w
of 0 draws as if nothing was asked, 1 what is as likely as the condition makes it, more
what is most typical of the condition.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from crystalgen.model.layers import KeyValues
from crystalgen.model.prior import CodeSequence
from crystalgen.model.prototype_prior import PrototypePrior

Past = tuple[KeyValues, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidance:
    """Properties to have.

    Attributes:
        conditions: Standardised, NaN where any will do.
        weight: How hard to insist, > 0.
    """

    conditions: Float[Tensor, "crystals properties"]
    weight: float

    def rows(self, which: Int[Tensor, " some"]) -> "Guidance":
        """The same for some of the crystals."""
        return Guidance(conditions=self.conditions[which], weight=self.weight)

    def to(self, device: torch.device) -> "Guidance":
        """The same on another device."""
        return Guidance(conditions=self.conditions.to(device), weight=self.weight)


@runtime_checkable
class CodeReader(Protocol):
    """What draws need of a distribution of codes; see `CodeSequence`."""

    @property
    def n_codes(self) -> int:
        """Codes of a token."""
        ...

    @property
    def n_entries(self) -> int:
        """Entries of each code."""
        ...

    def start(
        self, context: Float[Tensor, "crystals channels"]
    ) -> tuple[Float[Tensor, "crystals channels"], Past]:
        """Read the context of the first token."""
        ...

    def step(
        self,
        context: Float[Tensor, "crystals channels"],
        previous: Int[Tensor, "crystals codes"],
        past: Past,
    ) -> tuple[Float[Tensor, "crystals channels"], Past]:
        """Read the codes just written and the context of the next token."""
        ...

    def logits(
        self,
        hidden: Float[Tensor, "crystals channels"],
        written: Int[Tensor, "crystals written"],
    ) -> Float[Tensor, "crystals entries"]:
        """Logits of the next code of a token."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidedCodes:
    """Codes read twice, free and told, side by side in the channels.

    Attributes:
        codes: Reads either.
        weight: Of the guidance.
    """

    codes: CodeSequence
    weight: float

    @property
    def n_codes(self) -> int:
        """Codes of a token."""
        return self.codes.n_codes

    @property
    def n_entries(self) -> int:
        """Entries of each code."""
        return self.codes.n_entries

    def start(
        self, context: Float[Tensor, "crystals channels"]
    ) -> tuple[Float[Tensor, "crystals channels"], Past]:
        """Read both contexts of the first token."""
        return _together([self.codes.start(each) for each in context.chunk(2, dim=-1)])

    def step(
        self,
        context: Float[Tensor, "crystals channels"],
        previous: Int[Tensor, "crystals codes"],
        past: Past,
    ) -> tuple[Float[Tensor, "crystals channels"], Past]:
        """Read the codes just written and both contexts of the next token."""
        free, told = context.chunk(2, dim=-1)
        of_free, of_told = _halves(past)
        return _together(
            [
                self.codes.step(free, previous, of_free),
                self.codes.step(told, previous, of_told),
            ]
        )

    def logits(
        self,
        hidden: Float[Tensor, "crystals channels"],
        written: Int[Tensor, "crystals written"],
    ) -> Float[Tensor, "crystals entries"]:
        """Logits of the next code of a token, guided."""
        free, told = (
            self.codes.logits(each, written) for each in hidden.chunk(2, dim=-1)
        )
        return free + self.weight * (told - free)


def code_reader(
    codes: CodeSequence,
    context: Callable[
        [Float[Tensor, "crystals properties"] | None],
        Float[Tensor, "crystals tokens channels"],
    ],
    guidance: Guidance | None,
) -> tuple[CodeReader, Float[Tensor, "crystals tokens channels"]]:
    """Who reads the codes, and the context to read.

    Args:
        codes: Of the prior.
        context: What the prior knows of each token under conditions, or under none.
        guidance: Properties to have; None for any.
    """
    if guidance is None:
        return codes, context(None)
    told = context(guidance.conditions)
    if guidance.weight == 1:
        return codes, told
    both = torch.cat([context(None), told], dim=-1)
    return GuidedCodes(codes=codes, weight=guidance.weight), both


@dataclass(frozen=True, slots=True, kw_only=True)
class PrototypeReader:
    """The prior of prototypes, free or guided.

    Attributes:
        prior: Reads what was drawn.
        guidance: Properties to have; None for any.
    """

    prior: PrototypePrior
    guidance: Guidance | None

    def start(
        self, space_group: Int[Tensor, " crystals"]
    ) -> tuple[Float[Tensor, "crystals read"], Past]:
        """Read the groups, and what the crystals shall be like."""
        asked: list[Tensor | None] = [None]
        if self.guidance is not None:
            told = self.guidance.conditions
            asked = [told] if self.guidance.weight == 1 else [None, told]
        first = [self.prior.start(space_group, each) for each in asked]
        return _together([self.prior.transformer.step(each, None) for each in first])

    def step(
        self, token: Float[Tensor, "crystals channels"], past: Past
    ) -> tuple[Float[Tensor, "crystals read"], Past]:
        """Read one more orbit."""
        step = self.prior.transformer.step
        pasts = _halves(past) if self._is_double else (past,)
        return _together([step(token, each) for each in pasts])

    def letter_logits(
        self,
        hidden: Float[Tensor, "crystals read"],
        space_group: Int[Tensor, " crystals"],
        last_letter: Int[Tensor, " crystals"],
    ) -> Float[Tensor, "crystals letters"]:
        """Logits of the next letter, see `PrototypePrior.letter_logits`."""
        return self._guided(
            [
                self.prior.letter_logits(each, space_group, last_letter)
                for each in self._parts(hidden)
            ]
        )

    def role_logits(
        self,
        hidden: Float[Tensor, "crystals read"],
        position: Int[Tensor, " crystals"],
        n_used: Int[Tensor, " crystals"],
    ) -> Float[Tensor, "crystals roles"]:
        """Logits of the role on a position, see `PrototypePrior.role_logits`."""
        return self._guided(
            [
                self.prior.role_logits(each, position, n_used)
                for each in self._parts(hidden)
            ]
        )

    @property
    def _is_double(self) -> bool:
        return self.guidance is not None and self.guidance.weight != 1

    def _parts(self, hidden: Tensor) -> Sequence[Tensor]:
        return hidden.chunk(2, dim=-1) if self._is_double else (hidden,)

    def _guided(self, logits: Sequence[Tensor]) -> Tensor:
        if self.guidance is None or len(logits) == 1:
            return logits[0]
        free, told = logits
        return free + self.guidance.weight * (told - free)


def _together(read: Sequence[tuple[Tensor, Past]]) -> tuple[Tensor, Past]:
    """What was read once, or twice side by side."""
    hidden = [each for each, _ in read]
    whole = hidden[0] if len(hidden) == 1 else torch.cat(hidden, dim=-1)
    return whole, tuple(layer for _, past in read for layer in past)


def _halves(past: Past) -> tuple[Past, Past]:
    middle = len(past) // 2
    return past[:middle], past[middle:]
