"""The relaxer: how far a crystal's atoms and cell are from where they should be.

A graph network on the neighbours of each orbit, trained to take noise off crystals
(`crystalgen.training.denoising`). It knows neither templates nor codes, only which
atoms are near which, so that what it learns about bonds in one structure type serves
all others. Forces between pairs act along the lines that join them, so whatever comes
out has the symmetry of what goes in: the space group is kept by construction.

    shift of k      =  Σ_j f(k, j) r̂_kj
    strain          =  Σ_k m_k Σ_j g(k, j) r̂_kj r̂_kj / Σ_k m_k Σ_j w(k, j)

over representatives k of the orbits (m_k atoms each) and their neighbours j, where w
falls smoothly to 0 at the cut-off. Of the strain, what the crystal system allows is
taken, which is the mean over the other atoms of the orbits. Messages carry a few
vectors and tensors per orbit, which tell angles (the idea of Schütt et al., PaiNN,
2021, arXiv:2102.03150).
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from crystalgen.model.atoms import AtomBatch
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.strain import allowed_strain

CUTOFF = 5.0
"""Distance in Å beyond which atoms do not see each other."""
MARGIN = 0.8
"""Å by which pairs are listed beyond the cut-off, for they may come nearer."""
MIN_DISTANCE = 0.1
"""Distance in Å below which atoms do not, either: no direction would be right."""
N_RADIAL = 24
"""Gaussians on which a distance is spread."""
N_DIRECTIONS = 8
"""Vectors, and tensors, that an orbit carries."""
SCALE = 0.1
"""Å; what an output of 1 stands for."""


class Change(NamedTuple):
    """Where atoms and cells should go.

    Attributes:
        shift: Of the representative atom of each orbit, Å.
        strain: Of each cell, symmetric and as its group allows; 0.01 stretches by one
            per cent.
    """

    shift: Float[Tensor, "orbits 3"]
    strain: Float[Tensor, "crystals 3 3"]


class Pairs(NamedTuple):
    """What the network sees of pairs of atoms.

    Attributes:
        target: Orbit whose representative has the neighbour.
        source: Orbit of the neighbour.
        weight: From 1 at no distance to 0 at the cut-off.
        direction: Unit vector towards the neighbour.
        outer: Its product with itself, a symmetric tensor as a vector: the diagonal,
            then yz, xz and xy times √2, so that products of vectors are those of
            tensors.
        radial: The distance, spread on Gaussians.
    """

    target: Int[Tensor, " pairs"]
    source: Int[Tensor, " pairs"]
    weight: Float[Tensor, "pairs 1"]
    direction: Float[Tensor, "pairs 3"]
    outer: Float[Tensor, "pairs 6"]
    radial: Float[Tensor, "pairs radial"]

    @property
    def traceless(self) -> Float[Tensor, "pairs 6"]:
        """`outer` less its mean over all directions."""
        mean = [1 / 3, 1 / 3, 1 / 3, 0.0, 0.0, 0.0]
        return self.outer - self.outer.new_tensor(mean)


class Layer(nn.Module):
    """One round of messages, gated by distances and angles.

    Args:
        width: Channels.
        sees_angles: Whether pairs come with angles, as they do after the first layer.
    """

    def __init__(self, width: int, *, sees_angles: bool) -> None:
        super().__init__()
        n_angles = 2 * N_DIRECTIONS if sees_angles else 0
        self.norm = nn.LayerNorm(width)
        self.node = nn.Linear(width, 4 * width)
        self.pair = nn.Linear(N_RADIAL + n_angles, 2 * width)
        self.directions = nn.Linear(width, 2 * N_DIRECTIONS)
        self.update = nn.Sequential(
            nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(
        self,
        orbits: Float[Tensor, "orbits channels"],
        pairs: Pairs,
        seen: Float[Tensor, "pairs features"],
        density: Float[Tensor, "orbits 1"],
    ) -> tuple[Float[Tensor, "orbits channels"], Float[Tensor, "pairs angles"]]:
        """Hear the neighbours; see at what angles they lie."""
        near, far = self.node(self.norm(orbits)).chunk(2, dim=-1)
        raw = _spread(near, far, pairs, self.pair, seen)
        gate, core = raw.chunk(2, dim=-1)
        message = gate.sigmoid() * nn.functional.silu(core) * pairs.weight
        heard = _summed(message, pairs.target, len(orbits))
        both = torch.cat([0.15 * heard, heard / (density + 1e-3)], dim=-1)
        return orbits + self.update(both), self._angles(message, pairs, len(orbits))

    def _angles(
        self, message: Float[Tensor, "pairs channels"], pairs: Pairs, n_orbits: int
    ) -> Float[Tensor, "pairs angles"]:
        shapes = (pairs.direction, pairs.traceless)
        strengths = self.directions(message).chunk(2, dim=-1)
        each = [
            (strength[:, :, None] * shape[:, None]).flatten(1)
            for strength, shape in zip(strengths, shapes, strict=True)
        ]
        whole = _summed(torch.cat(each, dim=1), pairs.target, n_orbits)
        parts = _rows(whole, pairs.target).split([part.shape[1] for part in each], 1)
        angles = [
            part.unflatten(1, (N_DIRECTIONS, -1)) @ shape[:, :, None]
            for part, shape in zip(parts, shapes, strict=True)
        ]
        return torch.cat(angles, dim=1).squeeze(2)


class Relaxer(nn.Module):
    """Predict the change that brings crystals to rest.

    Args:
        width: Channels.
        n_layers: Rounds of messages, at least 1.
    """

    centres: Tensor

    def __init__(self, width: int, n_layers: int) -> None:
        super().__init__()
        self.species = nn.Embedding(N_SPECIES, width)
        self.layers = nn.ModuleList(
            Layer(width, sees_angles=number > 0) for number in range(n_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.node = nn.Linear(width, 2 * width)
        self.pair = nn.Linear(N_RADIAL + 2 * N_DIRECTIONS, width)
        last = nn.Linear(width, 2)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.strength = nn.Sequential(
            nn.SiLU(), nn.Linear(width, width), nn.SiLU(), last
        )
        self.register_buffer(
            "centres", torch.linspace(0.6, CUTOFF, N_RADIAL), persistent=False
        )

    def forward(
        self,
        species: Int[Tensor, " orbits"],
        atoms: AtomBatch,
        vectors: Float[Tensor, "pairs 3"],
    ) -> Change:
        """Shifts and strains.

        Args:
            species: Atomic number of each orbit.
            atoms: Atoms and neighbours; all those within `CUTOFF`, or more.
            vectors: From each representative to its neighbours, Å, in the frame of
                `crystalgen.model.cell.lattice_vectors`.
        """
        pairs = self._pairs(atoms, vectors)
        density = _summed(pairs.weight, pairs.target, len(species))
        orbits, seen = self.species(species), pairs.radial
        for layer in self.layers:
            orbits, angles = layer(orbits, pairs, seen, density)
            seen = torch.cat([pairs.radial, angles], dim=-1)
        near, far = self.node(self.norm(orbits)).chunk(2, dim=-1)
        raw = _spread(near, far, pairs, self.pair, seen)
        along, across = (SCALE * self.strength(raw) * pairs.weight).chunk(2, dim=-1)
        crystal = _rows(atoms.crystal, pairs.target)
        share = _rows(atoms.size, pairs.target)[:, None]
        strain = _summed(share * across * pairs.outer, crystal, len(atoms))
        weight = _summed(share * pairs.weight, crystal, len(atoms))
        return Change(
            shift=_summed(along * pairs.direction, pairs.target, len(species)),
            strain=allowed_strain(
                atoms.space_group, _as_matrix(strain / (weight + 1e-3))
            ),
        )

    def _pairs(self, atoms: AtomBatch, vectors: Float[Tensor, "pairs 3"]) -> Pairs:
        squared = vectors.square().sum(dim=1)
        is_seen = (squared < CUTOFF**2) & (squared > MIN_DISTANCE**2)
        kept = torch.nonzero(is_seen).squeeze(1)
        length = _rows(squared, kept).sqrt()[:, None]
        direction = _rows(vectors, kept) / length
        spacing = (CUTOFF - 0.6) / (N_RADIAL - 1)
        offset = (length - self.centres) / spacing
        return Pairs(
            target=_rows(atoms.target, kept),
            source=_rows(atoms.orbit, _rows(atoms.neighbour, kept)),
            weight=0.5 * (torch.cos(math.pi * length / CUTOFF) + 1),
            direction=direction,
            outer=_as_vector(direction),
            radial=torch.exp(-0.5 * offset.square()),
        )


def _spread(
    near: Float[Tensor, "orbits channels"],
    far: Float[Tensor, "orbits channels"],
    pairs: Pairs,
    linear: nn.Linear,
    seen: Float[Tensor, "pairs features"],
) -> Float[Tensor, "pairs channels"]:
    """What a pair has of its two orbits, and a linear map of what is seen of it."""
    # whatever can be done per orbit is: orbits are fifty times fewer than pairs
    raw = _rows(near + linear.bias, pairs.target)
    raw += _rows(far, pairs.source)
    return raw.addmm_(seen, linear.weight.T)


def _as_vector(direction: Float[Tensor, "pairs 3"]) -> Float[Tensor, "pairs 6"]:
    """Products of the components of unit vectors, see `Pairs.outer`."""
    others = direction[:, [1, 0, 0]] * direction[:, [2, 2, 1]]
    return torch.cat([direction.square(), math.sqrt(2) * others], dim=1)


def _as_matrix(vector: Float[Tensor, "crystals 6"]) -> Float[Tensor, "crystals 3 3"]:
    """The symmetric tensors of such vectors."""
    scale = vector.new_tensor([1.0, 1.0, 1.0, *[math.sqrt(0.5)] * 3])
    return (vector * scale)[:, [0, 5, 4, 5, 1, 3, 4, 3, 2]].unflatten(1, (3, 3))


def _rows(
    values: Shaped[Tensor, "items *rest"], row: Int[Tensor, " rows"]
) -> Shaped[Tensor, "rows *rest"]:
    """As indexing does, but several times faster, forwards and backwards."""
    return values.contiguous().index_select(0, row)


def _summed(
    values: Float[Tensor, "items channels"], row: Int[Tensor, " items"], n_rows: int
) -> Float[Tensor, "rows channels"]:
    zeros = values.new_zeros(n_rows, values.shape[1])
    return zeros.index_add(0, row, values)
