"""Lattices by their parameters, as each crystal system allows them.

Knows cells, not atoms.
"""

import math

import numpy as np
from jaxtyping import Float

from crystalgen.errors import GeometryError
from crystalgen.symmetry.wyckoff import CrystalSystem, SpaceGroup

FREE_PARAMETERS: dict[CrystalSystem, tuple[bool, bool, bool, bool, bool, bool]] = {
    "triclinic": (True, True, True, True, True, True),
    "monoclinic": (True, True, True, False, True, False),
    "orthorhombic": (True, True, True, False, False, False),
    "tetragonal": (True, False, True, False, False, False),
    "trigonal": (True, False, True, False, False, False),
    "hexagonal": (True, False, True, False, False, False),
    "cubic": (True, False, False, False, False, False),
}
_PRIMITIVE = {
    "P": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "A": ((1, 0, 0), (0, 1 / 2, -1 / 2), (0, 1 / 2, 1 / 2)),
    "C": ((1 / 2, 1 / 2, 0), (-1 / 2, 1 / 2, 0), (0, 0, 1)),
    "I": ((-1 / 2, 1 / 2, 1 / 2), (1 / 2, -1 / 2, 1 / 2), (1 / 2, 1 / 2, -1 / 2)),
    "F": ((0, 1 / 2, 1 / 2), (1 / 2, 0, 1 / 2), (1 / 2, 1 / 2, 0)),
    "R": ((2 / 3, 1 / 3, 1 / 3), (-1 / 3, 1 / 3, 1 / 3), (-1 / 3, -2 / 3, 1 / 3)),
}


def lattice_matrix(parameters: Float[np.ndarray, "6"]) -> Float[np.ndarray, "3 3"]:
    """Cell vectors of lattice parameters.

    The orientation is that of pymatgen's `Lattice.from_parameters`: c along z, a in
    the xz plane; right-handed.

    Args:
        parameters: a, b, c in Å and alpha, beta, gamma in degrees.

    Returns:
        Cell vectors in rows, Å.

    Raises:
        GeometryError: A length is not positive or the angles close no cell.
    """
    a, b, c, alpha, beta, gamma = parameters.tolist()
    cos_a, cos_b, cos_g = (_cosine(angle) for angle in (alpha, beta, gamma))
    flatness = 1 - cos_a**2 - cos_b**2 - cos_g**2 + 2 * cos_a * cos_b * cos_g
    if not (min(a, b, c) > 0 and max(a, b, c) < math.inf and flatness > 1e-12):
        raise GeometryError(
            f"lattice parameters: got {[round(x, 4) for x in parameters.tolist()]}; "
            "expected positive lengths (Å) and three angles (degrees) that close a cell"
        )
    sin_a, sin_b = math.sqrt(1 - cos_a**2), math.sqrt(1 - cos_b**2)
    cos_star = (cos_a * cos_b - cos_g) / (sin_a * sin_b)
    sin_star = math.sqrt(flatness) / (sin_a * sin_b)
    return np.array(
        [
            [a * sin_b, 0.0, a * cos_b],
            [-b * sin_a * cos_star, b * sin_a * sin_star, b * cos_a],
            [0.0, 0.0, c],
        ]
    )


def _cosine(degrees: float) -> float:
    return 0.0 if degrees == 90 else math.cos(math.radians(degrees))


def lattice_parameters(
    lattice: Float[np.ndarray, "*cells 3 3"],
) -> Float[np.ndarray, "*cells 6"]:
    """Lengths (Å) and angles (degrees) of cells given by vectors in rows."""
    metric = lattice @ np.swapaxes(lattice, -1, -2)
    return metric_parameters(metric)


def metric_parameters(
    metric: Float[np.ndarray, "*cells 3 3"],
) -> Float[np.ndarray, "*cells 6"]:
    """Lengths (Å) and angles (degrees) of cells given by their metric tensors."""
    lengths = np.sqrt(np.diagonal(metric, axis1=-2, axis2=-1))
    a, b, c = lengths[..., 0], lengths[..., 1], lengths[..., 2]
    cosines = np.stack(
        [
            metric[..., 1, 2] / (b * c),
            metric[..., 0, 2] / (a * c),
            metric[..., 0, 1] / (a * b),
        ],
        axis=-1,
    )
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    return np.concatenate([lengths, angles], axis=-1)


def free_lattice_parameters(
    crystal_system: CrystalSystem,
) -> tuple[bool, bool, bool, bool, bool, bool]:
    """Which of a, b, c, alpha, beta, gamma a crystal system leaves free.

    >>> free_lattice_parameters("hexagonal")
    (True, False, True, False, False, False)
    """
    return FREE_PARAMETERS[crystal_system]


def constrain(
    parameters: Float[np.ndarray, "6"], crystal_system: CrystalSystem
) -> Float[np.ndarray, "6"]:
    """The nearest lattice parameters that obey a crystal system exactly.

    Lengths that must agree are averaged; trigonal means hexagonal axes.
    """
    if crystal_system == "triclinic":
        return parameters.astype(np.float64)
    a, b, c, _, beta, _ = parameters.tolist()
    if crystal_system == "monoclinic":
        return np.array([a, b, c, 90.0, beta, 90.0])
    if crystal_system == "cubic":
        a = b = c = (a + b + c) / 3
    elif crystal_system != "orthorhombic":
        a = b = (a + b) / 2
    gamma = 120.0 if crystal_system in ("trigonal", "hexagonal") else 90.0
    return np.array([a, b, c, 90.0, 90.0, gamma])


def primitive_vectors(group: SpaceGroup) -> Float[np.ndarray, "3 3"]:
    """Basis of the primitive cell in fractions of the conventional one.

    Rows are vectors: `primitive_lattice = primitive_vectors(group) @ lattice`. The
    choice is spglib's, right-handed.
    """
    return np.array(_PRIMITIVE[group.symbol[0]], dtype=np.float64)
