"""Pairs of atoms as the relaxer sees them: neighbours of one atom, bundled.

The neighbours of a representative fill whole bundles of `BUNDLE` slots, the last of
which may be empty. So whatever is summed over neighbours is first summed in short rows
and small matrix products, which takes half the time of adding pair by pair.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from crystalgen.model.atoms import AtomBatch

CUTOFF = 5.0
"""Distance in Å beyond which atoms do not see each other."""
MIN_DISTANCE = 0.1
"""Distance in Å below which atoms do not, either: no direction would be right."""
MARGIN = 0.8
"""Å by which pairs are listed beyond the cut-off, for they may come nearer."""
BUNDLE = 8
"""Slots of a bundle."""


class Bundles(NamedTuple):
    """What the network sees of the neighbours of the representatives.

    Attributes:
        orbit: Orbit of the representative of each bundle, ascending.
        source: Orbit of the neighbour in each slot; any in an empty slot.
        weight: From 1 at no distance to 0 at the cut-off; 0 in an empty slot.
        distance: In Å; `CUTOFF` in an empty slot.
        direction: Unit vector towards the neighbour; 0 in an empty slot.
        outer: Its product with itself, a symmetric tensor as a vector: the diagonal,
            then yz, xz and xy times √2, so that products of vectors are those of
            tensors.
    """

    orbit: Int[Tensor, " bundles"]
    source: Int[Tensor, " slots"]
    weight: Float[Tensor, "slots 1"]
    distance: Float[Tensor, "slots 1"]
    direction: Float[Tensor, "slots 3"]
    outer: Float[Tensor, "slots 6"]

    def by_bundle(
        self, values: Shaped[Tensor, "slots channels"]
    ) -> Shaped[Tensor, "bundles in_bundle channels"]:
        """The same values, one row of slots for each bundle."""
        return values.unflatten(0, (len(self.orbit), BUNDLE))

    def summed(
        self, values: Float[Tensor, "slots channels"], n_orbits: int
    ) -> Float[Tensor, "orbits channels"]:
        """Sums over the neighbours of each representative."""
        return self.gathered(self.by_bundle(values).sum(dim=1), n_orbits)

    def gathered(
        self, values: Float[Tensor, "bundles *rest"], n_orbits: int
    ) -> Float[Tensor, "orbits *rest"]:
        """Sums over the bundles of each representative."""
        zeros = values.new_zeros(n_orbits, *values.shape[1:])
        return zeros.index_add(0, self.orbit, values)


def bundled(
    atoms: AtomBatch, vectors: Float[Tensor, "pairs 3"], n_orbits: int
) -> Bundles:
    """Bundle the pairs that see each other.

    Args:
        atoms: Atoms and neighbours; all those within `CUTOFF`, or more.
        vectors: From each representative to its neighbours, Å.
        n_orbits: Orbits of all crystals.
    """
    squared = vectors.square().sum(dim=1)
    is_seen = (squared < CUTOFF**2) & (squared > MIN_DISTANCE**2)
    kept = torch.nonzero(is_seen).squeeze(1)
    target = rows(atoms.target, kept)
    count = torch.bincount(target, minlength=n_orbits)
    n_bundles = (count + BUNDLE - 1) // BUNDLE
    orbit = torch.repeat_interleave(n_bundles)
    # pairs come ordered by target: a slot is a pair's number and what is empty before
    n_empty = BUNDLE * n_bundles - count
    empty_before = n_empty.cumsum(0) - n_empty
    number = torch.arange(len(kept), device=kept.device)
    slot = number + rows(empty_before, target)
    n_slots = BUNDLE * len(orbit)
    source = torch.zeros(n_slots, dtype=target.dtype, device=kept.device)
    source[slot] = rows(atoms.orbit, rows(atoms.neighbour, kept))
    vector = vectors.new_zeros(n_slots, 3).index_copy(0, slot, rows(vectors, kept))
    far = vectors.new_full((n_slots, 1), CUTOFF)
    distance = far.index_copy(0, slot, rows(squared, kept).sqrt()[:, None])
    direction = vector / distance
    return Bundles(
        orbit=orbit,
        source=source,
        weight=0.5 * (torch.cos(math.pi * distance / CUTOFF) + 1),
        distance=distance,
        direction=direction,
        outer=as_vector(direction),
    )


def rows(
    values: Shaped[Tensor, "items *rest"], row: Int[Tensor, " rows"]
) -> Shaped[Tensor, "rows *rest"]:
    """As indexing does, but several times faster, forwards and backwards."""
    return values.contiguous().index_select(0, row)


def as_vector(direction: Float[Tensor, "slots 3"]) -> Float[Tensor, "slots 6"]:
    """Products of the components of vectors, see `Bundles.outer`."""
    others = direction[:, [1, 0, 0]] * direction[:, [2, 2, 1]]
    return torch.cat([direction.square(), math.sqrt(2) * others], dim=1)


def as_matrix(vector: Float[Tensor, "crystals 6"]) -> Float[Tensor, "crystals 3 3"]:
    """The symmetric tensors of such vectors."""
    scale = vector.new_tensor([1.0, 1.0, 1.0, *[math.sqrt(0.5)] * 3])
    return (vector * scale)[:, [0, 5, 4, 5, 1, 3, 4, 3, 2]].unflatten(1, (3, 3))
