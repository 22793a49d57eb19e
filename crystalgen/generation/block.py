"""State of a block of draws while it is drawn."""

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int

from crystalgen.generation.candidate import Candidate
from crystalgen.generation.composition import Composition
from crystalgen.generation.constraints import Constraints
from crystalgen.generation.template_draw import TemplateDraw
from crystalgen.generation.weights import Weights


@dataclass(slots=True, kw_only=True)
class Row:
    """Progress of one draw."""

    composition: Composition | None = None
    is_metal: bool = False
    tried: set[tuple[int, ...]] = field(default_factory=set)
    candidate: Candidate | None = None
    fault: str = ""
    restless: Candidate | None = None
    """The one nearest to rest of those with no other fault."""
    unrest: float = float("inf")
    """How far from rest it is, Å."""
    redrawn: Counter[str] = field(default_factory=Counter)

    @property
    def is_done(self) -> bool:
        """Whether it has a crystal that passes all checks."""
        return self.candidate is not None and not self.fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one draw.

    Attributes:
        candidate: The crystal of the last round; None if it has no geometry at all.
        fault: The check that it failed; empty for a valid crystal.
        redrawn: Why draws before it were repeated.
    """

    candidate: Candidate | None
    fault: str
    redrawn: Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What all draws of a block share."""

    weights: Weights
    templates: TemplateDraw
    seed: int
    temperature: float
    rounds: int
    renewal: int
    allow_known: bool
    drawn_before: AbstractSet[int]
    vary_geometry: bool
    constraints: Constraints | None
    is_group_asked: bool
    asked_choices: int
    min_stability: float

    @property
    def charge_neutral(self) -> bool:
        """Whether charges must cancel."""
        return self.constraints is None or self.constraints.request.charge_neutral

    @property
    def choices(self) -> int:
        """Compositions at least of which the best one is taken; 1 without a critic."""
        has_critic = self.weights.networks.critic is not None
        is_open = self.rounds > 1 and not self.has_settled_elements
        return self.asked_choices if has_critic and is_open else 1

    @property
    def usual_features(self) -> Float64[np.ndarray, " features"] | None:
        """What a run is made of if nothing is asked for; None where something is."""
        critic = self.weights.networks.critic
        is_asked = self.constraints is not None or self.is_group_asked
        if critic is None or is_asked or self.templates.guidance is not None:
            return None
        features = critic.usual_features.double().cpu().numpy()
        return features if np.isfinite(features).all() else None

    @property
    def can_rest(self) -> bool:
        """Whether crystals are brought to rest, and drawn again if they fail to."""
        return self.weights.networks.relaxer is not None and self.rounds > 1

    @property
    def has_settled_elements(self) -> bool:
        """Whether every composition that can be drawn passes all checks alike."""
        return self.constraints is not None and self.constraints.has_settled_elements


def attempts_of(
    block: Block, drawn: tuple[int, ...], number: int
) -> Int[np.ndarray, " attempts"]:
    """Numbers of the draws of a round, counted over all rounds and renewals."""
    first = block.renewal * sum(drawn) + sum(drawn[:number])
    return np.arange(first, first + drawn[number])
