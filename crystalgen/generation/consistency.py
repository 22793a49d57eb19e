"""Wishes that exclude each other, whatever the model."""

from typing import TYPE_CHECKING

from crystalgen.errors import RequestError
from crystalgen.generation.spelling import anonymous_counts, anonymous_formula
from crystalgen.symmetry.wyckoff import crystal_system

if TYPE_CHECKING:
    from crystalgen.generation.request import Request


def check_consistency(request: "Request") -> None:
    """Refuse a request of which no crystal can have all.

    Raises:
        RequestError: Two wishes exclude each other; the message names them.
    """
    _check_numbers(request)
    _check_symmetry(request)
    _check_elements(request)
    _check_formula(request)


def _check_numbers(request: "Request") -> None:
    fewest, most = request.min_atoms, request.max_atoms
    if fewest is not None and most is not None and fewest > most:
        raise RequestError(
            f"min atoms: got {fewest}, more than the {most} atoms of max atoms"
        )
    if request.n_elements is None:
        return
    if len(request.n_elements) != 2:
        raise RequestError(
            f"n elements: got {request.n_elements}; expected the fewest and the most"
        )
    low, high = request.n_elements
    if not 1 <= low <= high:
        raise RequestError(
            f"n elements: got {low} to {high}; expected at least 1, the fewest first"
        )
    if most is not None and low > most:
        raise RequestError(f"n elements: {most} atoms cannot be {low} elements")


def _check_symmetry(request: "Request") -> None:
    wrong = [
        number
        for number in request.space_groups
        if request.crystal_systems
        and crystal_system(number) not in request.crystal_systems
    ]
    if wrong and len(wrong) == len(request.space_groups):
        raise RequestError(
            f"crystal system: group {wrong[0]} is {crystal_system(wrong[0])}, not "
            f"{' or '.join(request.crystal_systems)}"
        )


def _check_elements(request: "Request") -> None:
    must = dict.fromkeys(request.chemical_system, "the chemical system has it")
    must |= dict.fromkeys(request.require, "it is required")
    must |= dict.fromkeys(request.composition, "the formula has it")
    for symbol, reason in must.items():
        for name, allowed in (
            ("formula", tuple(request.composition)),
            ("chemical system", request.chemical_system),
            ("elements", request.elements),
        ):
            if allowed and symbol not in allowed:
                raise RequestError(
                    f"{name}: {symbol} is not among {', '.join(allowed)}, but {reason}"
                )
        if symbol in request.exclude:
            raise RequestError(f"exclude: {symbol} is excluded, but {reason}")
    if request.elements and not set(request.elements) - set(request.exclude):
        raise RequestError("exclude: every one of the elements is excluded")
    n_asked = request.n_elements
    if n_asked is None:
        return
    exact = len(request.composition or request.chemical_system)
    if exact and not n_asked[0] <= exact <= n_asked[1]:
        what = "formula" if request.composition else "chemical system"
        raise RequestError(
            f"n elements: the {what} has {exact}, not {_spelled(n_asked)}"
        )
    if len(must) > n_asked[1]:
        raise RequestError(
            f"n elements: {len(must)} are required, more than {n_asked[1]}"
        )
    left = set(request.elements) - set(request.exclude)
    if request.elements and len(left) < n_asked[0]:
        raise RequestError(
            f"n elements: only {len(left)} are allowed, fewer than {n_asked[0]}"
        )


def _check_formula(request: "Request") -> None:
    if request.z is not None and not request.formula:
        raise RequestError("z: it counts formula units; add the formula, or leave z")
    pattern = request.anonymous_formula
    if pattern and request.formula:
        own = anonymous_formula(request.composition.values())
        if own != pattern:
            raise RequestError(
                f"anonymous formula: {request.formula} is {own}, not {pattern}"
            )
    if not pattern:
        return
    n_kinds = len(anonymous_counts(pattern))
    exact = len(request.chemical_system)
    if exact and exact != n_kinds:
        raise RequestError(
            f"anonymous formula: {pattern} has {n_kinds} elements, the chemical system "
            f"{exact}"
        )
    asked = request.n_elements
    if asked is not None and not asked[0] <= n_kinds <= asked[1]:
        raise RequestError(
            f"n elements: {pattern} has {n_kinds}, not {_spelled(asked)}"
        )


def _spelled(limits: tuple[int, int]) -> str:
    low, high = limits
    return str(low) if low == high else f"{low} to {high}"
