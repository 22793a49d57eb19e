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

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from crystalgen.model.atoms import AtomBatch
from crystalgen.model.bundles import CUTOFF, Bundles, as_matrix, bundled, rows
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.strain import allowed_strain

N_RADIAL = 24
"""Gaussians on which a distance is spread."""
FIRST_RADIAL = 0.6
"""Å; the middle of the first one."""
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


class Surroundings(NamedTuple):
    """The same for all layers.

    Attributes:
        pairs: The neighbours of the representatives.
        shapes: Their directions and the traceless parts of the tensors of these, whose
            mean over all directions is 0; 0 in an empty slot.
        density: Sum of the weights of the neighbours.
    """

    pairs: Bundles
    shapes: Float[Tensor, "bundles in_bundle nine"]
    density: Float[Tensor, "orbits 1"]


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
        around: Surroundings,
        seen: Float[Tensor, "slots features"],
    ) -> tuple[Float[Tensor, "orbits channels"], Float[Tensor, "slots angles"]]:
        """Hear the neighbours; see at what angles they lie."""
        pairs, density = around.pairs, around.density
        near, far = self.node(self.norm(orbits)).chunk(2, dim=-1)
        gate, core = _spread(near, far, pairs, self.pair, seen).chunk(2, dim=-1)
        message = gate.sigmoid() * nn.functional.silu(core) * pairs.weight
        heard = pairs.summed(message, len(orbits))
        both = torch.cat([0.15 * heard, heard / (density + 1e-3)], dim=-1)
        return orbits + self.update(both), self._angles(message, around, len(orbits))

    def _angles(
        self, message: Float[Tensor, "slots channels"], around: Surroundings, n: int
    ) -> Float[Tensor, "slots angles"]:
        pairs, shapes = around.pairs, around.shapes
        strengths = pairs.by_bundle(self.directions(message))
        whole = pairs.gathered(strengths.transpose(1, 2) @ shapes, n)
        # the first strengths are of vectors, the others of tensors
        vectors, tensors = (
            whole.new_ones(N_DIRECTIONS, 3),
            whole.new_ones(N_DIRECTIONS, 6),
        )
        whole = whole * torch.block_diag(vectors, tensors)
        angles = shapes @ rows(whole, pairs.orbit).transpose(1, 2)
        return angles.flatten(0, 1)


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
            "centres", torch.linspace(FIRST_RADIAL, CUTOFF, N_RADIAL), persistent=False
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
        pairs = bundled(atoms, vectors, len(species))
        around = _surroundings(pairs, len(species))
        radial = self._radial(pairs.distance)
        orbits, seen = self.species(species), radial
        for layer in self.layers:
            orbits, angles = layer(orbits, around, seen)
            seen = torch.cat([radial, angles], dim=-1)
        near, far = self.node(self.norm(orbits)).chunk(2, dim=-1)
        raw = _spread(near, far, pairs, self.pair, seen)
        along, across = (SCALE * self.strength(raw) * pairs.weight).chunk(2, dim=-1)
        pulls = torch.cat([across * pairs.outer, pairs.weight], dim=1)
        of_orbits = atoms.size[:, None] * pairs.summed(pulls, len(species))
        zeros = of_orbits.new_zeros(len(atoms), of_orbits.shape[1])
        whole = zeros.index_add(0, atoms.crystal, of_orbits)
        return Change(
            shift=pairs.summed(along * pairs.direction, len(species)),
            strain=allowed_strain(
                atoms.space_group, as_matrix(whole[:, :6] / (whole[:, 6:] + 1e-3))
            ),
        )

    def _radial(
        self, distance: Float[Tensor, "slots 1"]
    ) -> Float[Tensor, "slots radial"]:
        spacing = (CUTOFF - FIRST_RADIAL) / (N_RADIAL - 1)
        offset = (distance - self.centres) / spacing
        return torch.exp(-0.5 * offset.square())


def _surroundings(pairs: Bundles, n_orbits: int) -> Surroundings:
    is_full = pairs.direction.any(dim=1, keepdim=True)
    mean = pairs.outer.new_tensor([1 / 3, 1 / 3, 1 / 3, 0.0, 0.0, 0.0])
    shapes = torch.cat([pairs.direction, pairs.outer - mean * is_full], dim=1)
    return Surroundings(
        pairs=pairs,
        shapes=pairs.by_bundle(shapes),
        density=pairs.summed(pairs.weight, n_orbits),
    )


def _spread(
    near: Float[Tensor, "orbits channels"],
    far: Float[Tensor, "orbits channels"],
    pairs: Bundles,
    linear: nn.Linear,
    seen: Float[Tensor, "slots features"],
) -> Float[Tensor, "slots channels"]:
    """What a pair has of its two orbits, and a linear map of what is seen of it."""
    # whatever can be done per orbit is: orbits are fifty times fewer than pairs
    raw = rows(far, pairs.source)
    pairs.by_bundle(raw).add_(rows(near + linear.bias, pairs.orbit)[:, None])
    return raw.addmm_(seen, linear.weight.T)
