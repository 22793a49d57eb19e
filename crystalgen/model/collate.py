"""From flat tables to padded batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float32, Int

from crystalgen.graphs.table import GraphTable
from crystalgen.model.atoms import AtomTable, collate_atoms, list_atoms
from crystalgen.model.batch import CrystalBatch, Edges, Geometry, Templates
from crystalgen.model.bundles import CUTOFF, MARGIN
from crystalgen.model.cell import lattice_features
from crystalgen.model.properties import property_columns
from crystalgen.model.tables import symmetry_tables
from crystalgen.representation.prototype import (
    Prototype,
    PrototypeVocabulary,
    prototypes_of,
)
from crystalgen.representation.table import CrystalTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Crystals with their graphs and the indices of their prototypes.

    Attributes:
        crystals: The crystals.
        graphs: Their periodic graphs, in the same order.
        prototype: Index of each crystal's prototype, counted from 1; 0 is unknown.
        centre: Index of the prototype whose usual geometry it starts from, its own or
            a relative, counted from 1; 0 is none.
        role: Role of every orbit, as flat as the orbits of ``crystals``.
        properties: Those that the networks are told of; NaN where unknown.
        atoms: Their atoms and neighbours; None where no relaxer needs them.
    """

    crystals: CrystalTable
    graphs: GraphTable
    prototype: Int[np.ndarray, " crystals"]
    centre: Int[np.ndarray, " crystals"]
    role: Int[np.ndarray, " orbits"]
    properties: Float32[np.ndarray, "crystals properties"]
    atoms: AtomTable | None = None

    def __len__(self) -> int:
        return len(self.prototype)


def label_examples(
    crystals: CrystalTable,
    graphs: GraphTable,
    vocabulary: PrototypeVocabulary,
    properties: Sequence[str] = (),
    *,
    with_atoms: bool = False,
    is_training: bool = False,
) -> Examples:
    """Number the roles of every crystal and look its prototype up.

    Args:
        crystals: The crystals.
        graphs: Their graphs.
        vocabulary: Known prototypes, most frequent first.
        properties: Names of those that the networks are told of.
        with_atoms: Also list atoms and neighbours, which takes a second for every
            5,000 crystals.
        is_training: Whether the vocabulary was counted on these very crystals.
    """
    prototypes = list(prototypes_of(crystals))
    label = vocabulary.training_label if is_training else vocabulary.label
    labels = np.array([label(each) for each in prototypes], dtype=np.int64)
    prototype, centre = labels.reshape(-1, 2).T
    role = np.array(
        [role for each in prototypes for role in each.roles], dtype=np.int64
    )
    return Examples(
        crystals=crystals,
        graphs=graphs,
        prototype=prototype,
        centre=centre,
        role=role,
        properties=property_columns(crystals.properties, properties, len(crystals)),
        atoms=_atoms(crystals) if with_atoms else None,
    )


def collate(examples: Examples, indices: Int[np.ndarray, " batch"]) -> CrystalBatch:
    """Put some of the examples into one padded batch."""
    crystals, tables = examples.crystals, symmetry_tables()
    sizes = np.diff(crystals.orbit_offsets)[indices]
    n_orbits = int(sizes.max())
    flat, rows, places = _ranges(crystals.orbit_offsets, indices)
    group = crystals.space_group[indices].astype(np.int64)
    position = np.zeros((len(indices), n_orbits), dtype=np.int64)
    first = tables.first_position.numpy()[group]
    position[rows, places] = first[rows] + crystals.wyckoff[flat]
    role = np.zeros_like(position)
    role[rows, places] = examples.role[flat]
    species = np.zeros((len(indices), int(role.max()) + 1), dtype=np.int64)
    species[rows, role[rows, places]] = crystals.species[flat]
    coords = np.zeros((*position.shape, 3), dtype=np.float32)
    coords[rows, places] = crystals.free_coords[flat]
    templates = Templates(
        space_group=torch.from_numpy(group),
        position=torch.from_numpy(position),
        role=torch.from_numpy(role),
        prototype=torch.from_numpy(examples.prototype[indices]),
        centre=torch.from_numpy(examples.centre[indices]),
    )
    n_atoms = tables.multiplicity[templates.position].sum(dim=1)
    parameters = torch.from_numpy(crystals.lattice_parameters[indices]).float()
    return CrystalBatch(
        templates=templates,
        species=torch.from_numpy(species),
        geometry=Geometry(
            coords=torch.from_numpy(coords),
            cell=lattice_features(parameters, n_atoms),
        ),
        edges=_edges(examples.graphs, indices, n_orbits),
        properties=torch.from_numpy(examples.properties[indices]),
        atoms=None
        if examples.atoms is None
        else collate_atoms(examples.atoms, indices),
    )


def _atoms(crystals: CrystalTable) -> AtomTable:
    offsets = crystals.orbit_offsets
    sites = (
        (
            int(crystals.space_group[index]),
            tuple(crystals.wyckoff[start:stop].tolist()),
            crystals.free_coords[start:stop],
            crystals.lattice_parameters[index],
        )
        for index, (start, stop) in enumerate(pairwise(offsets.tolist()))
    )
    return list_atoms(sites, radius=CUTOFF + MARGIN)


def _edges(
    graphs: GraphTable, indices: Int[np.ndarray, " batch"], n_orbits: int
) -> Edges:
    flat, rows, _ = _ranges(graphs.edge_offsets, indices)
    source = graphs.source[flat].astype(np.int64) + rows * n_orbits
    target = graphs.target[flat].astype(np.int64) + rows * n_orbits
    length = graphs.length[flat].astype(np.float32)
    return Edges(
        source=torch.from_numpy(source),
        target=torch.from_numpy(target),
        length=torch.from_numpy(length),
    )


def _ranges(
    offsets: Int[np.ndarray, " offsets"], indices: Int[np.ndarray, " batch"]
) -> tuple[
    Int[np.ndarray, " items"], Int[np.ndarray, " items"], Int[np.ndarray, " items"]
]:
    """Flat index, row in the batch and place in the row of every item."""
    starts = offsets[indices].astype(np.int64)
    sizes = offsets[indices + 1].astype(np.int64) - starts
    rows = np.repeat(np.arange(len(indices)), sizes)
    places = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return starts[rows] + places, rows, places


def to_templates(
    prototypes: Sequence[Prototype], vocabulary: PrototypeVocabulary | None = None
) -> Templates:
    """Prototypes as padded tensors.

    Args:
        prototypes: Groups, positions and roles.
        vocabulary: Prototypes that the model knows; None to take all for unknown.
    """
    first = symmetry_tables().first_position
    width = max((len(prototype.wyckoff) for prototype in prototypes), default=1)
    position = torch.zeros(len(prototypes), width, dtype=torch.long)
    role = torch.zeros_like(position)
    for row, prototype in enumerate(prototypes):
        n_orbits = len(prototype.wyckoff)
        letters = torch.tensor(prototype.wyckoff)
        position[row, :n_orbits] = first[prototype.space_group] + letters
        role[row, :n_orbits] = torch.tensor(prototype.roles)
    labels = torch.zeros(len(prototypes), 2, dtype=torch.long)
    if vocabulary is not None:
        for row, prototype in enumerate(prototypes):
            labels[row] = torch.tensor(vocabulary.label(prototype))
    return Templates(
        space_group=torch.tensor([p.space_group for p in prototypes]),
        position=position,
        role=role,
        prototype=labels[:, 0],
        centre=labels[:, 1],
    )
