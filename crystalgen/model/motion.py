"""Moves atoms and cells within their space group, and measures such moves.

A shift in Å becomes a change of the coordinates that an orbit can choose, a strain one
of the lattice parameters, so that a crystal never leaves its group.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from crystalgen.model.atoms import AtomBatch, lattices
from crystalgen.model.cell import vector_parameters
from crystalgen.model.relaxer import Change

MAX_SHIFT = 0.4
"""Å; longer shifts in one step are shortened, for the relaxer learnt from smaller
errors and says little about larger ones."""
MAX_STRAIN = 0.1
"""The same of strains (Frobenius norm)."""


def shifted(
    atoms: AtomBatch,
    coords: Float[Tensor, "orbits 3"],
    lattice: Float[Tensor, "crystals 3 3"],
    shift: Float[Tensor, "orbits 3"],
) -> Float[Tensor, "orbits 3"]:
    """Coordinates after a shift of each representative, as far as its orbit can go.

    Args:
        atoms: Groups and positions.
        coords: Coordinates before; they come back not wrapped.
        lattice: Primitive vectors, Å.
        shift: Of the representatives, Å.
    """
    directions, free = _directions(atoms, lattice), atoms.free.to(coords.dtype)
    along = torch.einsum("oi,oji->oj", shift.to(coords.dtype), directions) * free
    # normal equations; a coordinate that is not free has no direction: 1 instead of 0
    products = directions @ directions.transpose(1, 2) + torch.diag_embed(1 - free)
    return coords + torch.linalg.solve(products, along)


def stretched(
    atoms: AtomBatch,
    lattice: Float[Tensor, "crystals 3 3"],
    strain: Float[Tensor, "crystals 3 3"],
) -> Float[Tensor, "crystals 6"]:
    """Lattice parameters (Å, degrees) of the conventional cells after a strain.

    They obey the crystal system as well as the strain does.
    """
    strain = strain.to(lattice.dtype)
    after = lattice + lattice @ (0.5 * (strain + strain.transpose(1, 2)))
    return vector_parameters(torch.linalg.solve(atoms.vectors.to(lattice.dtype), after))


def stepped(
    atoms: AtomBatch,
    coords: Float[Tensor, "orbits 3"],
    lattice: Float[Tensor, "crystals 3 3"],
    change: Change,
) -> tuple[Float[Tensor, "orbits 3"], Float[Tensor, "crystals 6"]]:
    """Coordinates, not wrapped, and lattice parameters (Å, degrees) after a change.

    Shifts and strains beyond `MAX_SHIFT` and `MAX_STRAIN` are shortened.
    """
    shift = _shortened(change.shift, MAX_SHIFT)
    strain = _shortened(change.strain.flatten(1), MAX_STRAIN).unflatten(1, (3, 3))
    return shifted(atoms, coords, lattice, shift), stretched(atoms, lattice, strain)


def change_between(
    atoms: AtomBatch,
    coords: Float[Tensor, "orbits 3"],
    parameters: Float[Tensor, "crystals 6"],
    to_coords: Float[Tensor, "orbits 3"],
    to_parameters: Float[Tensor, "crystals 6"],
) -> Change:
    """The change from one geometry to another one nearby.

    A shift of the whole crystal is not part of it: in polar groups the origin is
    arbitrary.

    Args:
        atoms: What both share.
        coords: Before.
        parameters: Lattice parameters before (Å, degrees).
        to_coords: After; differences are taken as they are, not wrapped.
        to_parameters: After.
    """
    lattice, to_lattice = lattices(atoms, parameters), lattices(atoms, to_parameters)
    step = to_coords - coords
    shift = torch.einsum("oi,oij->oj", step, _directions(atoms, lattice))
    crystal = atoms.crystal[atoms.orbit]
    each = torch.einsum("aij,aj->ai", atoms.maps.to(step.dtype), step[atoms.orbit])
    each = torch.einsum("ai,aij->aj", each, lattice[crystal])
    whole = each.new_zeros(len(atoms), 3).index_add(0, crystal, each)
    n_atoms = each.new_zeros(len(atoms)).index_add(
        0, atoms.crystal, atoms.size.to(each.dtype)
    )
    shift = shift - (whole / n_atoms[:, None])[atoms.crystal]
    # the deformation is a stretch and then a rotation, which does not matter
    deformation = torch.linalg.solve(lattice, to_lattice)
    squares, axes = torch.linalg.eigh(deformation @ deformation.transpose(1, 2))
    stretch = squares.clamp(min=1e-8).sqrt() - 1
    strain = axes @ torch.diag_embed(stretch) @ axes.transpose(1, 2)
    return Change(shift=shift, strain=strain)


def _shortened(
    vectors: Float[Tensor, "rows components"], longest: float
) -> Float[Tensor, "rows components"]:
    """The same vectors, none longer than a bound."""
    lengths = vectors.norm(dim=1, keepdim=True)
    return vectors * (longest / lengths.clamp(min=longest))


def _directions(
    atoms: AtomBatch, lattice: Float[Tensor, "crystals 3 3"]
) -> Float[Tensor, "orbits 3 3"]:
    """Where each coordinate of an orbit moves its representative, Å per unit; rows."""
    maps = atoms.maps[atoms.representative].to(lattice.dtype)
    return maps.transpose(1, 2) @ lattice[atoms.crystal]
