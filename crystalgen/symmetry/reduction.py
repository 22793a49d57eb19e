"""Choose among the infinitely many cells of a triclinic or monoclinic lattice.

A triclinic cell has the three shortest vectors and, these given, the smallest alpha and
beta (so both at most 90 degrees). A monoclinic cell has the shortest vectors across the
unique axis that keep the glide and the centring, a before c, and beta at least 90
degrees. Lengths and angles that agree within `LENGTH` and `ANGLE` are ties: all tied
cells are returned, so that the atoms can decide between them.
"""

from functools import lru_cache
from itertools import product

import numpy as np
from jaxtyping import Bool, Float, Int

from crystalgen.symmetry.lattice import metric_parameters
from crystalgen.symmetry.normalizer import translations_for
from crystalgen.symmetry.wyckoff import SpaceGroup

LENGTH = 0.01
"""Lengths closer than this are ties, Å."""
ANGLE = 0.1
"""Angles closer than this are ties, degrees."""


def smallest_rows(
    rows: Float[np.ndarray, "rows columns"],
    *,
    tolerance: Float[np.ndarray, " columns"],
) -> Int[np.ndarray, " smallest"]:
    """Indices of the lexicographically smallest rows, up to a tolerance per column.

    >>> table = np.array([[1.0, 5.0], [1.01, 2.0], [3.0, 0.0]])
    >>> smallest_rows(table, tolerance=np.array([0.1, 0.1])).tolist()
    [1]
    """
    alive = np.arange(len(rows))
    for column, limit in zip(rows.T, tolerance.tolist(), strict=True):
        if len(alive) == 1:
            break
        values = column[alive]
        alive = alive[values <= values.min() + limit]
    return alive


def reduced_bases(
    group: SpaceGroup, metric: Float[np.ndarray, "3 3"]
) -> Int[np.ndarray, "bases 3 3"]:
    """Bases of the canonical cells of a triclinic or monoclinic lattice.

    Args:
        group: Space group, 1 to 15, in its standard setting.
        metric: Metric tensor (Å^2) of the conventional cell at hand.

    Returns:
        All tied bases, rows in terms of the cell at hand; each keeps the group in its
        standard setting, and no two differ by an operation of the group only.
    """
    if group.crystal_system == "triclinic":
        bases = _shortest_bases(metric)
        parameters = _parameters(bases, metric)
        key, tolerance = parameters[:, 3:], np.full(3, ANGLE)
    else:
        bases = _bases_across_b(group.number, metric)
        parameters = _parameters(bases, metric)
        a, c, beta = parameters[:, 0], parameters[:, 2], parameters[:, 4]
        key = np.stack([a, c, beta < 90 - ANGLE, beta], axis=1)
        tolerance = np.array([LENGTH, LENGTH, 0.0, ANGLE])
    return _modulo_group(group, bases[smallest_rows(key, tolerance=tolerance)])


def _parameters(
    bases: Int[np.ndarray, "bases 3 3"], metric: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "bases 6"]:
    return metric_parameters(bases @ metric @ bases.swapaxes(1, 2))


def _shortest_bases(metric: Float[np.ndarray, "3 3"]) -> Int[np.ndarray, "bases 3 3"]:
    """All bases of the three shortest vectors of a lattice, up to ties."""
    vectors, choices = _unimodular()
    start = np.eye(3, dtype=np.int64)
    while True:
        moved = vectors @ start
        squares = np.einsum("vi,ij,vj->v", moved, metric, moved)
        lengths = np.sqrt(squares)[choices]
        sizes = lengths.sum(axis=1)
        best = int(sizes.argmin())
        present = float(np.sqrt(np.diag(start @ metric @ start.T)).sum())
        if sizes[best] > present * (1 - 1e-9):
            break
        start = vectors[choices[best]] @ start
    tied = smallest_rows(lengths, tolerance=np.full(3, LENGTH))
    return vectors[choices[tied]] @ start


@lru_cache(maxsize=1)
def _unimodular() -> tuple[Int[np.ndarray, "vectors 3"], Int[np.ndarray, "bases 3"]]:
    """Vectors of entries -1, 0, 1, and all triples of them with determinant 1 or -1."""
    vectors = np.array([v for v in product((-1, 0, 1), repeat=3) if any(v)])
    triples = np.array(list(product(range(len(vectors)), repeat=3)))
    determinants = np.rint(np.linalg.det(vectors[triples]))
    return vectors, triples[np.abs(determinants) == 1]


def _bases_across_b(
    number: int, metric: Float[np.ndarray, "3 3"]
) -> Int[np.ndarray, "bases 3 3"]:
    """Bases near the reduced one of the net across b that keep the standard setting."""
    trials = _unimodular_across_b()
    start = np.eye(3, dtype=np.int64)
    present = np.inf
    while True:
        bases = trials @ start
        squares = np.einsum("tij,jk,tik->t", bases, metric, bases)
        best = int(squares.argmin())
        if squares[best] > present * (1 - 1e-9):
            break
        present = squares[best]
        start = bases[best]
    pattern = (bases[:, 0, 0] % 2) * 8 + (bases[:, 0, 2] % 2) * 4
    pattern += (bases[:, 2, 0] % 2) * 2 + (bases[:, 2, 2] % 2)
    return bases[_allowed_patterns(number)[pattern]]


@lru_cache(maxsize=1)
def _unimodular_across_b() -> Int[np.ndarray, "bases 3 3"]:
    """Changes of a and c with entries up to 2, times both signs of b."""
    found = [
        [[p, 0, q], [0, sign, 0], [r, 0, s]]
        for p, q, r, s in product(range(-2, 3), repeat=4)
        for sign in (1, -1)
        if abs(p * s - q * r) == 1
    ]
    return np.array(found)


@lru_cache(maxsize=15)
def _allowed_patterns(number: int) -> Bool[np.ndarray, "16"]:
    """Which changes of a and c, modulo 2, keep the glide and the centring."""
    allowed = np.zeros(16, dtype=bool)
    for basis in _unimodular_across_b():
        code = int(basis[0, 0] % 2 * 8 + basis[0, 2] % 2 * 4)
        code += int(basis[2, 0] % 2 * 2 + basis[2, 2] % 2)
        allowed[code] |= bool(translations_for(number, linear_part(basis)))
    return allowed


def linear_part(basis: Int[np.ndarray, "3 3"]) -> tuple[int, ...]:
    """Linear part, on columns of fractions, of the change to a basis given by rows."""
    inverse = np.rint(np.linalg.inv(basis)).astype(np.int64).T
    return tuple(inverse.ravel().tolist())


def _modulo_group(
    group: SpaceGroup, bases: Int[np.ndarray, "bases 3 3"]
) -> Int[np.ndarray, "chosen 3 3"]:
    """One basis of each class modulo the operations, which here flip axes only."""
    chosen = []
    seen: set[bytes] = set()
    for basis in bases:
        if basis.tobytes() not in seen:
            chosen.append(basis)
            seen.update((rotation @ basis).tobytes() for rotation in group.rotations)
    return np.array(chosen)
