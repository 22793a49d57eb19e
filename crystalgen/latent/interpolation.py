"""A row of crystals from one to another, its codes changed one by one.

Both ends are the reconstructions of the given crystals. Each step takes codes over from
the end, and none back, so the number of codes that differ from the end falls strictly.
Of the codes left, the one is changed that leaves the most likely codes among those that
spell a valid crystal not met before. If none does, a valid crystal is met again, or a
check is failed; such steps are left out.

Crystals of different templates (group, positions, roles) meet at a switch: the walk
changes shared codes in the template of the start, then the template, then the rest of
the shared codes. The switch is put where most of the crystals on the way are valid and
different, and of such places nearest to the middle.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from crystalgen.errors import RequestError
from crystalgen.generation.weights import Weights
from crystalgen.latent.decoding import Decoded, decode_likely, is_balanced, judge
from crystalgen.latent.path import Ends, Flip, ends_of
from crystalgen.latent.reading import read_codes
from crystalgen.latent.steps import REPEAT, Step, Walk, is_repeated, step_of
from crystalgen.representation.crystal import SymmetricCrystal


def interpolate(
    weights: Weights,
    start: SymmetricCrystal,
    end: SymmetricCrystal,
    *,
    steps: int = 9,
) -> Walk:
    """Valid crystals on the way from one to another.

    No atoms are too close, each has the group that was declared and, if the charges of
    both ends cancel, its charges cancel.

    Args:
        weights: The trained networks.
        start: The first crystal; its reconstruction is the first of the row.
        end: The last one.
        steps: Crystals in the row, both ends included; fewer if there are no more.

    Raises:
        RepresentationError: The networks cannot read a crystal.
        RequestError: The reconstruction of an end fails a check, or both are the same.
    """
    if steps < 2:
        raise RequestError(f"steps: got {steps}; expected at least 2, the two ends")
    one, two = read_codes(weights, [start, end])
    way = _Way(
        weights=weights,
        ends=ends_of(one, two),
        needs_balance=is_balanced(start) and is_balanced(end),
    )
    walked = _walked(way)
    for given, reached in ((start, walked[0]), (end, walked[-1])):
        if reached.fault:
            raise RequestError(
                f"{given.formula}: the crystal of its codes fails a check "
                f"({reached.fault}), so no walk can begin or end with it"
            )
    if len(walked) == 1 or is_repeated(walked[0], walked[-1:]):
        raise RequestError(
            f"{start.formula} and {end.formula}: their codes spell the same crystal; "
            "choose two that differ more"
        )
    marked = _without_repeats(walked)
    valid = [place for place, step in enumerate(marked) if not step.fault]
    walk = Walk(
        steps=tuple(_chosen(marked, _spread(valid, steps))),
        left_out=tuple(step for step in marked if step.fault),
    )
    remarks = _remarks(walk, way, n_asked=steps, n_valid=len(valid))
    return replace(walk, remarks=remarks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """What all steps between two crystals share."""

    weights: Weights
    ends: Ends
    needs_balance: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where on the way a step is."""

    flipped: tuple[Flip, ...] = ()
    """Codes that have their value of the end, in the order in which they changed."""
    switched: bool = False
    """Whether it has the template of the end."""
    change: str = ""
    """What was changed last."""


def _walked(way: _Way) -> list[Step]:
    """All steps from start to end, a code or the template at a time."""
    in_start, order = _greedy(way)
    if way.ends.is_one_template:
        return in_start
    places = [
        _Place(
            flipped=order[:k],
            switched=True,
            change=order[k - 1].text if k else "template",
        )
        for k in range(len(order) + 1)
    ]
    in_end = [
        _judged(way, place, decoded)
        for place, decoded in zip(places, _decoded(way, places), strict=True)
    ]
    walks = [
        [*in_start[: k + 1], replace(in_end[k], change="template"), *in_end[k + 1 :]]
        for k in range(len(order) + 1)
    ]
    middle = len(order) / 2
    best = max(
        range(len(walks)), key=lambda k: (_n_different(walks[k]), -abs(k - middle))
    )
    return walks[best]


def _greedy(way: _Way) -> tuple[list[Step], tuple[Flip, ...]]:
    """Change all codes in the template of the start; also the order of the changes."""
    here = _Place()
    (first,) = _decoded(way, [here])
    walked = [_judged(way, here, first)]
    for _ in way.ends.flips:
        rest = [flip for flip in way.ends.flips if flip not in here.flipped]
        places = [
            _Place(flipped=(*here.flipped, flip), change=flip.text) for flip in rest
        ]
        here, step = _best(way, places, walked)
        walked.append(step)
    return walked, here.flipped


def _best(
    way: _Way, places: Sequence[_Place], walked: Sequence[Step]
) -> tuple[_Place, Step]:
    """The likeliest place with a valid crystal that is new, else valid, else any."""
    pairs = sorted(
        zip(places, _decoded(way, places), strict=True),
        key=lambda pair: -pair[1].log_likelihood,
    )
    fallback: tuple[_Place, Step] | None = None
    for place, decoded in pairs:
        step = _judged(way, place, decoded)
        if not step.fault and not is_repeated(step, walked):
            return place, step
        if fallback is None or (fallback[1].fault and not step.fault):
            fallback = (place, step)
    if fallback is None:
        raise ValueError("no places to choose from")
    return fallback


def _decoded(way: _Way, places: Sequence[_Place]) -> list[Decoded]:
    return decode_likely(
        way.weights,
        [way.ends.template(switched=place.switched) for place in places],
        [way.ends.codes(place.flipped, switched=place.switched) for place in places],
    )


def _judged(way: _Way, place: _Place, decoded: Decoded) -> Step:
    to_switch = not (place.switched or way.ends.is_one_template)
    return step_of(
        decoded,
        judge(way.weights, decoded, needs_balance=way.needs_balance),
        change=place.change,
        distance=len(way.ends.flips) - len(place.flipped) + to_switch,
    )


def _without_repeats(walked: Sequence[Step]) -> list[Step]:
    """Mark what repeats an earlier crystal, or is the last one before its time."""
    *before, last = walked
    kept = [last]
    marked = []
    for step in before:
        if not step.fault and is_repeated(step, kept):
            marked.append(replace(step, fault=REPEAT))
            continue
        if not step.fault:
            kept.append(step)
        marked.append(step)
    return [*marked, last]


def _n_different(walked: Sequence[Step]) -> int:
    return sum(not step.fault for step in _without_repeats(walked))


def _spread(valid: Sequence[int], n: int) -> list[int]:
    """So many of the places, evenly, both ends included."""
    places = np.linspace(0, len(valid) - 1, min(n, len(valid)))
    return [valid[place] for place in np.rint(places).astype(int).tolist()]


def _chosen(walked: Sequence[Step], places: Sequence[int]) -> Iterator[Step]:
    """The steps at some places, each with all changes since the one before."""
    yield walked[places[0]]
    for before, here in pairwise(places):
        changes = (step.change for step in walked[before + 1 : here + 1])
        yield replace(walked[here], change=", ".join(changes))


def _remarks(walk: Walk, way: _Way, *, n_asked: int, n_valid: int) -> tuple[str, ...]:
    found = []
    for given, step in (
        (way.ends.start.crystal, walk.steps[0]),
        (way.ends.end.crystal, walk.steps[-1]),
    ):
        if step.crystal is not None and step.crystal.species != given.species:
            found.append(f"the codes of {given.formula} spell {step.crystal.formula}")
    if not way.ends.is_one_template:
        found.append(
            f"two templates: {way.ends.start.crystal.label} and "
            f"{way.ends.end.crystal.label}"
        )
    if n_valid < n_asked:
        found.append(f"{n_valid} of {n_asked}: no other step is valid and different")
    return tuple(found)
