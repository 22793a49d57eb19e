"""The embedded data set: known prototypes and elements that need no download.

pymatgen carries the 288 prototypes of the AFLOW library, ASE the reference states of
the elements. Small and varied, it is for trying things out and for tests; a model
that is to be used wants a real data set.
"""

import gzip
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import numpy as np
from ase.build import bulk
from ase.data import atomic_numbers, chemical_symbols, reference_states

from crystalgen.datasets.catalog import EMBEDDED
from crystalgen.datasets.entry import Entry, Sites, Source
from crystalgen.datasets.parsing import sites_of_atoms
from crystalgen.errors import DatasetError

# the other reference states need positions that ASE does not hold
_ELEMENT_TYPES = {"sc", "fcc", "bcc", "bct", "hcp", "diamond", "rhombohedral"}


def embedded_source() -> Source:
    """The AFLOW prototypes, then the elements.

    Raises:
        DatasetError: The installed pymatgen holds no prototypes where expected.
    """
    prototypes = _prototype_records()
    elements = _element_symbols()

    def entries() -> Iterator[Entry]:
        for number, record in enumerate(prototypes):
            yield _prototype(number, record)
        for symbol in elements:
            yield Entry(identifier=f"ase/{symbol}", payload=_element(symbol))

    return Source(
        name=EMBEDDED.name,
        license=EMBEDDED.license,
        citation=EMBEDDED.citation,
        n_entries=len(prototypes) + len(elements),
        entries=entries,
    )


def _prototype_records() -> list[dict[str, Any]]:
    # the JSON itself: its decoded form costs seconds and needs a BibTeX parser
    path = files("pymatgen.analysis") / "prototypes" / "aflow_prototypes.json.gz"
    if not path.is_file():
        raise DatasetError(
            f"{EMBEDDED.name}: this pymatgen has no aflow_prototypes.json.gz; install"
            " the version in constraints.txt"
        )
    return json.loads(gzip.decompress(path.read_bytes()))


def _prototype(number: int, record: dict[str, Any]) -> Entry:
    structure = record["snl"]
    sites = structure["sites"]
    numbers = [atomic_numbers[site["species"][0]["element"]] for site in sites]
    return Entry(
        identifier=f"aflow/{number:03d}/{record['tags']['aflow']}",
        payload=Sites(
            lattice=np.array(structure["lattice"]["matrix"], dtype=np.float64),
            frac_coords=np.array([site["abc"] for site in sites], dtype=np.float64),
            numbers=np.array(numbers, dtype=np.int64),
        ),
    )


def _element_symbols() -> list[str]:
    return [
        symbol
        for symbol, state in zip(chemical_symbols, reference_states, strict=False)
        if state is not None
        and state["symmetry"] in _ELEMENT_TYPES
        and state.get("basis", ()) is not None
    ]


def _element(symbol: str) -> Sites:
    return sites_of_atoms(bulk(symbol))
