"""A row of crystals that differ in one code.

The code takes all its values, the other codes stay. Values are ordered by the
likelihood of all codes together, the crystal's own value first; those whose crystal
fails a check, or was there already, are left out and counted.
"""

from dataclasses import replace

from crystalgen.errors import RequestError
from crystalgen.generation.weights import Weights
from crystalgen.latent.decoding import decode_likely, is_balanced, judge
from crystalgen.latent.reading import read_codes
from crystalgen.latent.slots import changed, find_slot, n_values, value
from crystalgen.latent.steps import REPEAT, Step, Walk, is_repeated, step_of
from crystalgen.representation.crystal import SymmetricCrystal


def traverse(
    weights: Weights, crystal: SymmetricCrystal, code: str, *, n: int = 8
) -> Walk:
    """Crystals decoded from the codes of one, with other values of one code.

    All are valid: no atoms too close, the group that was declared and, if the charges
    of ``crystal`` cancel, charges that cancel. The first one is the reconstruction.

    Args:
        weights: The trained networks.
        crystal: Where to start.
        code: Which code, by name ("cell.1") or number ("3").
        n: Crystals in the row, at most.

    Raises:
        RepresentationError: The networks cannot read the crystal.
        RequestError: There is no such code, or no value of it gives a valid crystal.
    """
    if n < 1:
        raise RequestError(f"n: got {n}; expected at least 1")
    (reading,) = read_codes(weights, [crystal])
    slot = find_slot(reading.slots, code)
    own = value(reading.codes, slot)
    all_codes = [
        changed(reading.codes, slot, new) for new in range(n_values(weights, slot))
    ]
    decoded = decode_likely(weights, [crystal] * len(all_codes), all_codes)
    order = sorted(
        range(len(decoded)), key=lambda i: (i != own, -decoded[i].log_likelihood)
    )
    needs_balance = is_balanced(crystal)
    taken: list[Step] = []
    left_out: list[Step] = []
    for new in order:
        if len(taken) == n:
            break
        step = step_of(
            decoded[new],
            judge(weights, decoded[new], needs_balance=needs_balance),
            change="" if new == own else f"{slot.name} {own} -> {new}",
            distance=int(new != own),
        )
        if not step.fault and is_repeated(step, taken):
            step = replace(step, fault=REPEAT)
        (left_out if step.fault else taken).append(step)
    walk = Walk(steps=tuple(taken), left_out=tuple(left_out))
    if not taken:
        raise RequestError(
            f"{crystal.formula}: no value of {slot.name} gives a valid crystal "
            f"({_counted(walk)}); try another code"
        )
    return replace(walk, remarks=_remarks(walk, crystal, n))


def _remarks(walk: Walk, crystal: SymmetricCrystal, n: int) -> tuple[str, ...]:
    found = []
    first = walk.steps[0]
    if first.distance:
        found.append("the crystal's own value fails a check and is left out")
    elif first.crystal is not None and first.crystal.species != crystal.species:
        found.append(f"the codes of {crystal.formula} spell {first.crystal.formula}")
    if len(walk.steps) < n:
        found.append(f"{len(walk.steps)} of {n}: no other value gives another crystal")
    return tuple(found)


def _counted(walk: Walk) -> str:
    return ", ".join(f"{count} {fault}" for fault, count in walk.faults.most_common())
