"""What a request leaves of the elements and sizes that a model was trained on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crystalgen.errors import RequestError
from crystalgen.generation.request import Request
from crystalgen.generation.spelling import anonymous_counts
from crystalgen.generation.weights import Weights
from crystalgen.representation.elements import ATOMIC_NUMBERS, SYMBOLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Elements to draw from, and how many of them.

    Attributes:
        elements: Atomic numbers that may occur, ascending.
        required: Those that must occur.
        n_elements: Fewest and most distinct elements.
        atoms: Fewest and most atoms in the primitive cell.
        unit: Atoms of each element in the formula as written; empty for any.
        n_trained: Elements of the training data.
    """

    elements: tuple[int, ...]
    required: frozenset[int]
    n_elements: tuple[int, int]
    atoms: tuple[int, int]
    unit: Mapping[int, int]
    n_trained: int


def pool_of(request: Request, weights: Weights) -> Pool:
    """What a request leaves.

    Raises:
        RequestError: It leaves nothing.
    """
    counts = weights.networks.statistics.species_count.cpu().numpy()
    trained = np.flatnonzero(counts > 0).tolist()
    must = (*request.chemical_system, *request.require, *request.composition)
    _check_trained(must, trained)
    allowed = set(trained)
    for only in (request.chemical_system, request.elements, request.composition):
        if only:
            allowed &= _numbers(tuple(only))
    allowed -= _numbers(request.exclude)
    if not allowed:
        raise RequestError(
            "elements: none of those allowed is among the "
            f"{len(trained)} elements of the training data; allow others"
        )
    n_elements = _n_elements(request, weights, len(allowed), set(must))
    atoms = _atoms(request, weights)
    if atoms[1] < n_elements[0]:
        raise RequestError(
            f"max atoms: {atoms[1]} atoms cannot be {n_elements[0]} different elements"
        )
    return Pool(
        elements=tuple(sorted(allowed)),
        required=frozenset(_numbers(must)),
        n_elements=n_elements,
        atoms=atoms,
        unit={
            ATOMIC_NUMBERS[symbol]: count
            for symbol, count in request.composition.items()
        },
        n_trained=len(trained),
    )


def _n_elements(
    request: Request, weights: Weights, n_allowed: int, must: set[str]
) -> tuple[int, int]:
    """Fewest and most distinct elements."""
    low, high = request.n_elements or (1, weights.config.max_roles)
    if request.anonymous_formula:
        low = high = len(anonymous_counts(request.anonymous_formula))
    limit = weights.config.max_roles
    fewest = max(low, len(must))
    most = min(high, limit, n_allowed)
    if request.chemical_system or request.composition:
        most = min(most, len(must))
    if fewest > limit:
        raise RequestError(
            f"n elements: the model knows crystals of up to {limit} elements, got "
            f"{fewest}"
        )
    if fewest > high:
        raise RequestError(
            f"anonymous formula: {request.anonymous_formula} has {high} elements, but "
            f"{fewest} are required"
        )
    if fewest > most:
        raise RequestError(
            f"n elements: only {n_allowed} elements are left to choose from, fewer "
            f"than {fewest}"
        )
    return fewest, most


def _atoms(request: Request, weights: Weights) -> tuple[int, int]:
    """Fewest and most atoms in the primitive cell."""
    trained = weights.config.max_atoms
    fewest, most = request.min_atoms or 1, min(request.max_atoms or trained, trained)
    if fewest > trained:
        raise RequestError(
            f"min atoms: got {fewest}; the model was trained on crystals of up to "
            f"{trained} atoms in the primitive cell"
        )
    return fewest, most


def _check_trained(must: tuple[str, ...], trained: list[int]) -> None:
    known = {SYMBOLS[number - 1] for number in trained}
    for symbol in must:
        if symbol not in known:
            raise RequestError(
                f"elements: no crystal of the training data has {symbol}, so none can "
                "be drawn; leave it out"
            )


def _numbers(symbols: tuple[str, ...]) -> set[int]:
    return {ATOMIC_NUMBERS[symbol] for symbol in symbols}
