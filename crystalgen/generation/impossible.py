"""Why no crystal can be what a request asks for, and what would be possible."""

from collections.abc import Sequence

from crystalgen.generation.constraints import Constraints
from crystalgen.generation.grammar import can_hold
from crystalgen.generation.reachability import is_reachable
from crystalgen.generation.request import Request
from crystalgen.representation.elements import SYMBOLS

MOST_NAMED = 5
"""Groups that a message names one by one."""


def why_no_template(request: Request, *, max_atoms: int, trained: int) -> str:
    """Say why no template is left where nothing is asked of the composition.

    Args:
        request: What is asked for.
        max_atoms: Most atoms in the primitive cell.
        trained: Most atoms that the model knows.
    """
    if not request.space_groups:
        return (
            f"max atoms: no known prototype has at most {max_atoms} atoms in the "
            "primitive cell; ask for more"
        )
    groups = ", ".join(map(str, request.space_groups))
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


def why_no_composition(constraints: Constraints, groups: Sequence[int]) -> str:
    """Say why no template is left for the compositions asked for.

    Args:
        constraints: A request that no template fits.
        groups: Space groups that it allows.
    """
    request, pool = constraints.request, constraints.pool
    if request.composition and not constraints.sized_amounts:
        return _wrong_size(constraints)
    if request.composition and not constraints.amounts:
        return (
            f"formula: usual oxidation states of {request.formula} do not cancel, and "
            "it is no metal; --no-charge-neutral takes it anyway"
        )
    if constraints.count_sets == ():
        return _no_counts(constraints)
    within = [group for group in groups if is_reachable(group, pool.atoms[1])]
    if not within:
        return why_no_template(
            request, max_atoms=pool.atoms[1], trained=constraints.max_atoms
        )
    where = f"no combination of Wyckoff positions of {_named(groups)}"
    within = [group for group in within if can_hold(group, pool.atoms, 1)]
    if not within:
        return f"space group: {where} holds {_span(pool.atoms)} atoms"
    if request.composition:
        sizes = [str(sum(amounts.values())) for amounts in constraints.amounts]
        return (
            f"space group: {where} holds {request.formula}, which is "
            f"{' or '.join(sizes)} atoms in the primitive cell"
        )
    if request.anonymous_formula:
        what = f"{request.anonymous_formula} with {_span(pool.atoms)} atoms"
        return f"space group: {where} holds {what} in the primitive cell"
    fewest = pool.n_elements[0]
    kinds = f"{fewest} different elements" if fewest > 1 else "one element"
    if constraints.count_sets is not None and request.charge_neutral:
        kinds += " whose usual oxidation states cancel"
    return f"space group: {where} holds {_span(pool.atoms)} atoms of {kinds}"


def _wrong_size(constraints: Constraints) -> str:
    """The formula has no multiple with an allowed number of atoms."""
    request, (fewest, most) = constraints.request, constraints.pool.atoms
    total = sum(request.composition.values())
    if request.z is not None:
        return (
            f"z: {request.z} formula units of {request.formula} are "
            f"{request.z * total} atoms, not {_span((fewest, most))} in the primitive "
            "cell"
        )
    return (
        f"formula: no multiple of {request.formula} has {_span((fewest, most))} atoms "
        f"in the primitive cell (at most {constraints.max_atoms} are possible)"
    )


def _no_counts(constraints: Constraints) -> str:
    """No counts of atoms are left."""
    request, pool = constraints.request, constraints.pool
    symbols = ", ".join(SYMBOLS[number - 1] for number in pool.elements)
    if request.anonymous_formula:
        of_what = f"{request.anonymous_formula} with {_span(pool.atoms)} atoms"
    else:
        of_what = f"{_span(pool.atoms)} atoms"
    if not request.charge_neutral or len(pool.elements) > MOST_NAMED:
        return f"n elements: no composition has {of_what} in the primitive cell"
    return (
        f"elements: no composition of {symbols} with {of_what} in the primitive cell "
        "has usual oxidation states that cancel; --no-charge-neutral takes others, too"
    )


def _named(groups: Sequence[int]) -> str:
    if len(groups) > MOST_NAMED:
        return f"any of {len(groups)} groups"
    return f"group {' or '.join(map(str, groups))}"


def _span(limits: tuple[int, int]) -> str:
    low, high = limits
    if low == high:
        return str(low)
    return f"{low} to {high}"
