"""Which group, which positions, which of them share an element: drawn first.

A template is a known prototype, drawn as often as it was seen in training, or a new one
from the autoregressive prior under the legality masks. Only templates that the request
allows are ever drawn.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int

from crystalgen.errors import RequestError
from crystalgen.generation.new_templates import draw_new_prototypes
from crystalgen.generation.noise import Purpose, stream
from crystalgen.generation.reachability import is_reachable
from crystalgen.generation.request import Request
from crystalgen.generation.weights import Weights
from crystalgen.model.batch import Templates
from crystalgen.model.tables import N_GROUPS, symmetry_tables
from crystalgen.representation.crystal import primitive_multiplicities
from crystalgen.representation.prototype import Prototype, PrototypeVocabulary

NEW_SHARE = 0.15
"""Share of Good and Turing's estimate of the chance that a crystal has a new prototype
(prototypes seen once among the crystals of its group) that is drawn from the
autoregressive prior; lower than 1 because new templates are the ones that fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateDraw:
    """Templates of some draws.

    Attributes:
        draws: Number of each draw.
        prototypes: Template of each draw.
        templates: The same as tensors.
        log_prob: Log-probability of each template, in nats.
    """

    draws: Int[np.ndarray, " rows"]
    prototypes: tuple[Prototype, ...]
    templates: Templates
    log_prob: Float64[np.ndarray, " rows"]

    def rows(self, indices: Int[np.ndarray, " some"]) -> Templates:
        """Some of the templates, without needless padding."""
        chosen = torch.from_numpy(np.asarray(indices, dtype=np.int64))
        position = self.templates.position[chosen]
        width = int((position > 0).sum(dim=1).max())
        return Templates(
            space_group=self.templates.space_group[chosen],
            position=position[:, :width],
            role=self.templates.role[chosen, :width],
            prototype=self.templates.prototype[chosen],
            centre=self.templates.centre[chosen],
        )


@dataclass(frozen=True, kw_only=True)
class TemplateSource:
    """The distribution of templates under a request.

    Raises:
        RequestError: No crystal can fulfil the request.
    """

    weights: Weights
    request: Request

    def __post_init__(self) -> None:
        if not self.group_probability.sum() > 0:
            raise RequestError(_impossible(self.weights, self.request, self.max_atoms))

    @property
    def max_atoms(self) -> int:
        """Most atoms in the primitive cell."""
        asked, trained = self.request.max_atoms, self.weights.config.max_atoms
        return trained if asked is None else min(asked, trained)

    @cached_property
    def row_weight(self) -> Float64[np.ndarray, " prototypes"]:
        """Weight of each known prototype; 0 where the request forbids it."""
        # relative to the largest, so that no temperature takes it to infinity
        count = np.where(self._fits, self.weights.vocabulary.count, 0)
        return (count / self._largest_count) ** (1 / self.request.temperature)

    @cached_property
    def group_probability(self) -> Float64[np.ndarray, " groups"]:
        """Probability of each space group; row 0 is unused.

        As in the training data; a group asked for by number that no known prototype
        fits counts as one crystal.
        """
        vocabulary = self.weights.vocabulary
        weight = np.bincount(
            vocabulary.space_group, self.row_weight, minlength=N_GROUPS + 1
        )
        known = set(vocabulary.space_group[self._fits].tolist())
        for number in self.request.space_groups:
            if number not in known and is_reachable(number, self.max_atoms):
                weight[number] = self._largest_count ** (-1 / self.request.temperature)
        return weight / max(weight.sum(), 1e-300)

    @cached_property
    def new_probability(self) -> Float64[np.ndarray, " groups"]:
        """Probability that a draw of a group takes a new template."""
        vocabulary = self.weights.vocabulary
        groups = vocabulary.space_group[self._fits]
        counts = vocabulary.count[self._fits]
        seen = np.bincount(groups, counts, minlength=N_GROUPS + 1)
        once = np.bincount(groups, counts == 1, minlength=N_GROUPS + 1)
        return np.where(seen > 0, NEW_SHARE * once / np.maximum(seen, 1), 1.0)

    def draw(self, seed: int, draws: Int[np.ndarray, " rows"]) -> TemplateDraw:
        """Templates of the given draws.

        Args:
            seed: Of the run.
            draws: Numbers of the draws.
        """
        prototypes: list[Prototype | None] = []
        log_prob = np.zeros(len(draws))
        new: dict[int, int] = {}
        for place, index in enumerate(draws.tolist()):
            rng = stream(seed, index, attempt=0, purpose=Purpose.TEMPLATE)
            group = _pick(self.group_probability, rng.random())
            chance = self.new_probability[group]
            log_prob[place] = np.log(self.group_probability[group])
            if rng.random() < chance:
                new[place] = group
                prototypes.append(None)
                log_prob[place] += np.log(chance)
                continue
            members = self._members[group]
            share = self.row_weight[members] / self.row_weight[members].sum()
            row = _pick(share, rng.random())
            prototypes.append(self.weights.vocabulary.prototype(int(members[row])))
            log_prob[place] += np.log((1 - chance) * share[row])
        if new:
            places = list(new)
            drawn, gained = draw_new_prototypes(
                self.weights,
                np.array([new[place] for place in places]),
                seed=seed,
                draws=draws[places],
                max_atoms=self.max_atoms,
                temperature=self.request.temperature,
            )
            for place, prototype, gain in zip(places, drawn, gained, strict=True):
                prototypes[place] = prototype
                log_prob[place] += gain
        complete = tuple(p for p in prototypes if p is not None)
        return TemplateDraw(
            draws=draws,
            prototypes=complete,
            templates=to_templates(complete, self.weights.vocabulary),
            log_prob=log_prob,
        )

    @cached_property
    def _allowed_groups(self) -> Bool[np.ndarray, " groups"]:
        allowed = np.ones(N_GROUPS + 1, dtype=bool)
        if self.request.space_groups:
            allowed[:] = False
            allowed[list(self.request.space_groups)] = True
        return allowed

    @cached_property
    def _fits(self) -> Bool[np.ndarray, " prototypes"]:
        """Known prototypes that the request allows."""
        allowed = self._allowed_groups[self.weights.vocabulary.space_group]
        return allowed & (self._atoms <= self.max_atoms)

    @cached_property
    def _largest_count(self) -> float:
        """Crystals of the most frequent prototype that the request allows."""
        return float(self.weights.vocabulary.count[self._fits].max(initial=1))

    @cached_property
    def _atoms(self) -> Int[np.ndarray, " prototypes"]:
        """Atoms in the primitive cell of each known prototype."""
        vocabulary = self.weights.vocabulary
        sizes = [
            primitive_multiplicities(int(group))[letter]
            for group, letter in zip(
                np.repeat(vocabulary.space_group, np.diff(vocabulary.offsets)),
                vocabulary.wyckoff.tolist(),
                strict=True,
            )
        ]
        return np.add.reduceat(np.array(sizes), vocabulary.offsets[:-1])

    @cached_property
    def _members(self) -> dict[int, Int[np.ndarray, " rows"]]:
        """Known prototypes of each group that the request allows."""
        fits = np.flatnonzero(self._fits)
        groups = self.weights.vocabulary.space_group[fits]
        return {int(group): fits[groups == group] for group in np.unique(groups)}


def to_templates(
    prototypes: tuple[Prototype, ...], vocabulary: PrototypeVocabulary
) -> Templates:
    """Prototypes as padded tensors.

    Args:
        prototypes: Groups, positions and roles.
        vocabulary: Prototypes that the model knows.
    """
    first = symmetry_tables().first_position
    width = max(len(prototype.wyckoff) for prototype in prototypes)
    position = torch.zeros(len(prototypes), width, dtype=torch.long)
    role = torch.zeros_like(position)
    for row, prototype in enumerate(prototypes):
        n_orbits = len(prototype.wyckoff)
        letters = torch.tensor(prototype.wyckoff)
        position[row, :n_orbits] = first[prototype.space_group] + letters
        role[row, :n_orbits] = torch.tensor(prototype.roles)
    labels = torch.tensor([vocabulary.label(prototype) for prototype in prototypes])
    return Templates(
        space_group=torch.tensor([p.space_group for p in prototypes]),
        position=position,
        role=role,
        prototype=labels[:, 0],
        centre=labels[:, 1],
    )


def _pick(probability: Float64[np.ndarray, " items"], uniform: float) -> int:
    """Item whose share of the unit interval holds ``uniform``."""
    edges = probability.cumsum()
    return int(np.searchsorted(edges, uniform * edges[-1], side="right"))


def _impossible(weights: Weights, request: Request, max_atoms: int) -> str:
    """Say why no template is left, and what would be possible."""
    if not request.space_groups:
        return (
            f"max atoms: no known prototype has at most {max_atoms} atoms in the "
            "primitive cell; ask for more"
        )
    groups = ", ".join(map(str, request.space_groups))
    trained = weights.config.max_atoms
    enough = [
        atoms
        for atoms in range(max_atoms + 1, trained + 1)
        if any(is_reachable(group, atoms) for group in request.space_groups)
    ]
    remedy = f"allow {enough[0]} atoms or more" if enough else "choose another group"
    return (
        f"space group: no combination of Wyckoff positions of group {groups} with at "
        f"most {max_atoms} atoms in the primitive cell has this symmetry and no higher "
        f"one; {remedy}"
    )
