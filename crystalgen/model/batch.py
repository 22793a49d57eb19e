"""Crystals as padded tensors: what every network reads."""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from crystalgen.model.atoms import AtomBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """The discrete frame of each crystal: group, positions, which share an element.

    Attributes:
        space_group: Number of the space group, 1 to 230.
        position: Wyckoff position of each orbit among all 1,731, counted from 1;
            0 is padding.
        role: Which of the crystal's distinct elements sits on the orbit, in order of
            first appearance; 0 on padding.
        prototype: Index in the vocabulary of known prototypes; 0 is unknown.
        centre: Index of the prototype whose usual geometry to start from; 0 is none.
    """

    space_group: Int[Tensor, " crystals"]
    position: Int[Tensor, "crystals orbits"]
    role: Int[Tensor, "crystals orbits"]
    prototype: Int[Tensor, " crystals"]
    centre: Int[Tensor, " crystals"]

    @property
    def present(self) -> Bool[Tensor, "crystals orbits"]:
        """False on padding."""
        return self.position > 0

    def membership(self, n_roles: int) -> Float[Tensor, "crystals roles orbits"]:
        """Share of each orbit in the mean over its role; rows sum to 1 or are 0."""
        belongs = one_hot(self.role, n_roles) * self.present[..., None]
        belongs = belongs.transpose(1, 2).float()
        return belongs / belongs.sum(dim=-1, keepdim=True).clamp(min=1)

    def role_present(self, n_roles: int) -> Bool[Tensor, "crystals roles"]:
        """Roles that the crystal has; always the first few."""
        last = self.role.amax(dim=1, keepdim=True)
        return torch.arange(n_roles, device=last.device) <= last

    def rows(self, which: Int[Tensor, " some"]) -> "Templates":
        """Some of the templates, in the order asked for."""
        return Templates(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def trimmed(self) -> "Templates":
        """The same templates without needless padding."""
        width = int(self.present.sum(dim=1).max())
        return replace(
            self, position=self.position[:, :width], role=self.role[:, :width]
        )

    def distinct(self) -> tuple["Templates", Int[Tensor, " crystals"]]:
        """Each template once, and which of them every crystal has."""
        columns = [getattr(self, f.name) for f in fields(self)]
        whole = torch.cat([each.reshape(len(each), -1) for each in columns], dim=1)
        _, which = whole.unique(dim=0, return_inverse=True)
        place = torch.arange(len(which), device=which.device)
        first = which.new_zeros(int(which.max()) + 1).scatter(0, which, place)
        return self.rows(first), which

    def to(self, device: torch.device) -> "Templates":
        """The same templates on another device."""
        return Templates(**_moved(self, device))


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """The continuous part of each crystal.

    Attributes:
        coords: Free coordinates in [0, 1).
        cell: Lattice features, see `crystalgen.model.cell`.
    """

    coords: Float[Tensor, "crystals orbits 3"]
    cell: Float[Tensor, "crystals 6"]

    def to(self, device: torch.device) -> "Geometry":
        """The same geometry on another device."""
        return Geometry(**_moved(self, device))


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Nearest neighbours of each orbit's representative atom.

    Attributes:
        source: Row of the neighbour's orbit among all crystals x orbits (padded).
        target: Row of the representative's orbit.
        length: Distance in Å.
    """

    source: Int[Tensor, " edges"]
    target: Int[Tensor, " edges"]
    length: Float[Tensor, " edges"]

    def to(self, device: torch.device) -> "Edges":
        """The same edges on another device."""
        return Edges(**_moved(self, device))


@dataclass(frozen=True, slots=True, kw_only=True)
class CrystalBatch:
    """Whole crystals, as the autoencoder sees them in training.

    Attributes:
        templates: Groups, positions and roles.
        species: Atomic number of each role; 0 is padding.
        geometry: Free coordinates and cells.
        edges: Periodic graphs.
        properties: Those that the networks are told of, each in its own unit; NaN
            where unknown.
        atoms: The same crystals atom by atom, for the relaxer; None without one.
    """

    templates: Templates
    species: Int[Tensor, "crystals roles"]
    geometry: Geometry
    edges: Edges
    properties: Float[Tensor, "crystals properties"]
    atoms: AtomBatch | None = None

    def __len__(self) -> int:
        return len(self.species)

    def to(self, device: torch.device) -> "CrystalBatch":
        """The same batch on another device."""
        return CrystalBatch(
            templates=self.templates.to(device),
            species=self.species.to(device),
            geometry=self.geometry.to(device),
            edges=self.edges.to(device),
            properties=self.properties.to(device),
            atoms=self.atoms and self.atoms.to(device),
        )


def _moved(
    value: Templates | Geometry | Edges, device: torch.device
) -> dict[str, Tensor]:
    return {f.name: getattr(value, f.name).to(device) for f in fields(value)}
