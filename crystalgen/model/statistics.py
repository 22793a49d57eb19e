"""What a model counts in its training data, beside what it learns by gradients.

Counts of anonymised prototypes and their usual geometry, how often each element occurs,
how close two elements come, and bits that tell whether a crystal is a known one. They
travel inside the checkpoint and hold no crystal.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from crystalgen.graphs.table import GraphTable
from crystalgen.model.calibration import Calibration, CalibrationArrays
from crystalgen.model.centres import CentreArrays, Centres, fit_centres
from crystalgen.model.embedding import N_SPECIES
from crystalgen.model.families import (
    Families,
    FamilyArrays,
    find_kin,
    fit_families,
)
from crystalgen.model.family_elements import (
    FamilyElementArrays,
    FamilyElements,
    fit_family_elements,
)
from crystalgen.model.properties import PropertyArrays, PropertyScales, fit_scales
from crystalgen.representation.framework import protostructure
from crystalgen.representation.membership import SeenLabels, remember
from crystalgen.representation.prototype import (
    MIN_SEEN,
    PrototypeVocabulary,
    count_prototypes,
)
from crystalgen.representation.table import CrystalTable

MIN_PAIRS = 20
"""Neighbour pairs of two elements below which their limit is not trusted."""
PAIR_QUANTILE = 0.005
"""Share of observed nearest distances that a limit may exclude."""


class Statistics(nn.Module):
    """Counts as buffers; `PrototypeVocabulary` and plain tensors as views on them.

    Args:
        vocabulary: Known prototypes.
        shortest: Smallest sensible distance (Å) between two elements, 0 if unknown.
        species_count: Crystals of the training data that hold each element.
        centres: Usual geometry of the prototypes.
        known: Protostructures of the training data.
        properties: Spread of the properties that the networks are told of; None
            without any.
        calibration: Errors of predictions on crystals not trained on; None if they
            were not measured.
        families: Further geometries of the prototypes; None in weights of earlier
            versions.
        family_elements: Which elements go with which of them; likewise.
    """

    prototype_space_group: Int[Tensor, " prototypes"]
    prototype_offsets: Int[Tensor, " offsets"]
    prototype_wyckoff: Int[Tensor, " orbits"]
    prototype_role: Int[Tensor, " orbits"]
    prototype_count: Int[Tensor, " prototypes"]
    shortest: Float[Tensor, "species species"]
    species_count: Int[Tensor, " species"]
    known_labels: UInt8[Tensor, " bytes"]

    def __init__(
        self,
        vocabulary: PrototypeVocabulary,
        shortest: Float[np.ndarray, "species species"],
        species_count: Int[np.ndarray, " species"],
        centres: CentreArrays,
        known: SeenLabels,
        properties: PropertyArrays | None = None,
        calibration: CalibrationArrays | None = None,
        families: FamilyArrays | None = None,
        family_elements: FamilyElementArrays | None = None,
    ) -> None:
        super().__init__()
        for name, array in vocabulary.arrays().items():
            self.register_buffer(f"prototype_{name}", torch.from_numpy(array.copy()))
        self.register_buffer("shortest", torch.from_numpy(shortest.copy()))
        self.register_buffer("species_count", torch.from_numpy(species_count.copy()))
        self.register_buffer("known_labels", torch.from_numpy(known.table.copy()))
        self.centres = Centres(centres, vocabulary)
        self.families = None if families is None else Families(families, vocabulary)
        self.family_elements = (
            None
            if family_elements is None
            else FamilyElements(family_elements, vocabulary)
        )
        self.properties = None if properties is None else PropertyScales(properties)
        self.calibration = None if calibration is None else Calibration(calibration)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "Statistics":
        """Rebuild from the buffers of a checkpoint."""
        vocabulary = PrototypeVocabulary(
            **{
                name: tensors[f"prototype_{name}"].numpy()
                for name in ("space_group", "offsets", "wyckoff", "role", "count")
            }
        )
        return cls(
            vocabulary,
            tensors["shortest"].numpy(),
            tensors["species_count"].numpy(),
            CentreArrays(
                *(tensors[f"centres.{name}"].numpy() for name in CentreArrays._fields)
            ),
            SeenLabels(table=tensors["known_labels"].numpy()),
            PropertyArrays(
                *(
                    tensors[f"properties.{name}"].numpy()
                    for name in PropertyArrays._fields
                )
            )
            if "properties.centre" in tensors
            else None,
            CalibrationArrays(
                *(
                    tensors[f"calibration.{name}"].numpy()
                    for name in CalibrationArrays._fields
                )
            )
            if "calibration.quantiles" in tensors
            else None,
            FamilyArrays(
                *(tensors[f"families.{name}"].numpy() for name in FamilyArrays._fields)
            )
            if "families.cell" in tensors
            else None,
            FamilyElementArrays(
                *(
                    tensors[f"family_elements.{name}"].numpy()
                    for name in FamilyElementArrays._fields
                )
            )
            if "family_elements.counts" in tensors
            else None,
        )

    @property
    def vocabulary(self) -> PrototypeVocabulary:
        """The known prototypes."""
        return PrototypeVocabulary(
            space_group=self.prototype_space_group.cpu().numpy(),
            offsets=self.prototype_offsets.cpu().numpy(),
            wyckoff=self.prototype_wyckoff.cpu().numpy(),
            role=self.prototype_role.cpu().numpy(),
            count=self.prototype_count.cpu().numpy(),
        )

    @property
    def known(self) -> SeenLabels:
        """Protostructures of the training data, to be asked for."""
        return SeenLabels(table=self.known_labels.cpu().numpy())

    @property
    def n_embedded(self) -> int:
        """Prototypes common enough to have an embedding; they come first."""
        return int((self.prototype_count >= MIN_SEEN).sum())


def count_statistics(
    crystals: CrystalTable, graphs: GraphTable, properties: Sequence[str] = ()
) -> Statistics:
    """Count what a training set holds.

    Args:
        crystals: The training set.
        graphs: Its graphs.
        properties: Columns of the table that the networks are told of.
    """
    present = np.zeros((len(crystals.space_group), N_SPECIES), dtype=bool)
    rows = np.repeat(np.arange(len(present)), np.diff(crystals.orbit_offsets))
    present[rows, crystals.species] = True
    vocabulary = count_prototypes(crystals)
    centres = fit_centres(crystals, vocabulary)
    kin = find_kin(crystals, vocabulary, centres)
    return Statistics(
        vocabulary,
        shortest_distances(crystals, graphs),
        present.sum(axis=0).astype(np.int32),
        centres,
        remember_crystals(crystals),
        fit_scales(crystals.properties, properties) if properties else None,
        families=fit_families(crystals, vocabulary, kin),
        family_elements=fit_family_elements(crystals, kin),
    )


def remember_crystals(crystals: CrystalTable) -> SeenLabels:
    """The protostructures of a table: group, positions and elements of each crystal."""
    rows = range(len(crystals))
    return remember({protostructure(crystals.crystal(row)) for row in rows})


def shortest_distances(
    crystals: CrystalTable, graphs: GraphTable
) -> Float[np.ndarray, "species species"]:
    """Smallest sensible distance in Å between atoms of two elements.

    The quantile `PAIR_QUANTILE` of the observed nearest distances of each pair of
    elements; 0 for pairs seen fewer than `MIN_PAIRS` times.
    """
    edges_per_crystal = np.diff(graphs.edge_offsets)
    first_orbit = np.repeat(crystals.orbit_offsets[:-1], edges_per_crystal)
    source = crystals.species[first_orbit + graphs.source].astype(np.int64)
    target = crystals.species[first_orbit + graphs.target].astype(np.int64)
    pair = np.minimum(source, target) * N_SPECIES + np.maximum(source, target)
    crystal = np.repeat(np.arange(len(edges_per_crystal)), edges_per_crystal)
    order = np.lexsort((graphs.length, crystal, pair))
    is_nearest = np.ones(len(order), dtype=bool)
    is_nearest[1:] = (np.diff(pair[order]) != 0) | (np.diff(crystal[order]) != 0)
    nearest = order[is_nearest]
    shortest = np.zeros((N_SPECIES, N_SPECIES), dtype=np.float32)
    names, starts = np.unique(pair[nearest], return_index=True)
    groups = np.split(graphs.length[nearest], starts[1:])
    for name, lengths in zip(names, groups, strict=True):
        if len(lengths) >= MIN_PAIRS:
            low, high = divmod(int(name), N_SPECIES)
            limit = np.quantile(lengths, PAIR_QUANTILE)
            shortest[low, high] = shortest[high, low] = limit
    return shortest
