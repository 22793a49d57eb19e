"""The public data sets we know by name: licence, citation, address and hash.

Knows addresses only; `download` fetches and `sources` reads. Hashes are those of the
uncompressed files as others have published them (none are known for perov-5 and
carbon-24); that of mpts-52's val.csv was confirmed on a copy of the file.
"""

import difflib
from dataclasses import dataclass
from enum import StrEnum

from crystalgen.errors import DatasetError


class Split(StrEnum):
    """Part of a data set, as published."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFile:
    """One file of a data set."""

    url: str
    n_entries: int
    sha256: str = ""
    """In hexadecimal; empty where we do not know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A public data set."""

    name: str
    content: str
    license: str
    citation: str
    train: CatalogFile
    val: CatalogFile
    test: CatalogFile

    def file(self, split: Split) -> CatalogFile:
        """The file of one split."""
        return {Split.TRAIN: self.train, Split.VAL: self.val, Split.TEST: self.test}[
            split
        ]


_CDVAE = "https://raw.githubusercontent.com/txie-93/cdvae/main/data"
_DIFFCSP = "https://raw.githubusercontent.com/jiaor17/DiffCSP/main/data"
_XIE = "Xie et al., ICLR 2022, arXiv:2110.06197"
_JAIN = "Jain et al., APL Mater. 1, 011002 (2013), doi:10.1063/1.4812323"

MP_20 = Dataset(
    name="mp-20",
    content="inorganic crystals of up to 20 atoms from the Materials Project",
    license="CC-BY-4.0",
    citation=f"{_JAIN}; {_XIE}",
    train=CatalogFile(
        url=f"{_CDVAE}/mp_20/train.csv",
        n_entries=27_136,
        sha256="133bab58dba02d316f9f91174839f17802dce648be4e8659d1a42b32b97fa01d",
    ),
    val=CatalogFile(
        url=f"{_CDVAE}/mp_20/val.csv",
        n_entries=9_047,
        sha256="7b5f4085464b3eac9fd2123acee97ec372214004ce7e983b535b33395abc3e29",
    ),
    test=CatalogFile(
        url=f"{_CDVAE}/mp_20/test.csv",
        n_entries=9_046,
        sha256="dd605c7543cf95a13e150aed630d0915e74edc8dea17e85301ee6fbfeb7f500a",
    ),
)

PEROV_5 = Dataset(
    name="perov-5",
    content="perovskites of 5 atoms, most of them unstable",
    license="MIT",
    citation=(
        "Castelli et al., Energy Environ. Sci. 5, 9034 (2012),"
        f" doi:10.1039/c2ee22341d; {_XIE}"
    ),
    train=CatalogFile(url=f"{_CDVAE}/perov_5/train.csv", n_entries=11_356),
    val=CatalogFile(url=f"{_CDVAE}/perov_5/val.csv", n_entries=3_787),
    test=CatalogFile(url=f"{_CDVAE}/perov_5/test.csv", n_entries=3_785),
)

CARBON_24 = Dataset(
    name="carbon-24",
    content="carbon at 10 GPa, 6 to 24 atoms, from random structure searching",
    license="open access (Materials Cloud record 2020.0026)",
    citation=f"Pickard 2020, doi:10.24435/materialscloud:2020.0026/v1; {_XIE}",
    train=CatalogFile(url=f"{_CDVAE}/carbon_24/train.csv", n_entries=6_091),
    val=CatalogFile(url=f"{_CDVAE}/carbon_24/val.csv", n_entries=2_032),
    test=CatalogFile(url=f"{_CDVAE}/carbon_24/test.csv", n_entries=2_030),
)

MPTS_52 = Dataset(
    name="mpts-52",
    content="crystals of up to 52 atoms, split by year of discovery",
    license="CC-BY-4.0",
    citation=(
        "Baird et al., J. Open Source Softw. 9, 5618 (2024),"
        f" doi:10.21105/joss.05618; {_JAIN}"
    ),
    train=CatalogFile(
        url=f"{_DIFFCSP}/mpts_52/train.csv",
        n_entries=27_380,
        sha256="db33cfc86530bbd4b020405989c5cd12130f447ad7b9258d29b3ff9c8a26d764",
    ),
    val=CatalogFile(
        url=f"{_DIFFCSP}/mpts_52/val.csv",
        n_entries=5_000,
        sha256="b5d9f7a8ff72f3a1f24d6bb97e11ad201be40d10be7b27924234da06af04baba",
    ),
    test=CatalogFile(
        url=f"{_DIFFCSP}/mpts_52/test.csv",
        n_entries=8_096,
        sha256="4d6e76c4726fb12fb2a7e5bb23594f9b82dbd9bf67b7bfd4866e9c74a8f49038",
    ),
)

CATALOG = (MP_20, PEROV_5, CARBON_24, MPTS_52)
"""All data sets known by name, except the embedded one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedDataset:
    """The data set that other packages carry, so that it needs no download."""

    name: str
    content: str
    license: str
    citation: str
    n_entries: int


EMBEDDED = EmbeddedDataset(
    name="embedded",
    content="288 AFLOW prototypes from pymatgen, 70 elements from ASE; no download",
    license="MIT (pymatgen, AFLOW prototypes), LGPL-2.1-or-later (ASE, elements)",
    citation=(
        "Mehl et al., Comput. Mater. Sci. 136, S1 (2017),"
        " doi:10.1016/j.commatsci.2017.01.017; Ong et al., Comput. Mater. Sci. 68, 314"
        " (2013); Larsen et al., J. Phys.: Condens. Matter 29, 273002 (2017)"
    ),
    n_entries=358,
)


def find_dataset(name: str) -> Dataset | None:
    """The data set of that name, if there is one; mp_20 is taken for mp-20.

    >>> find_dataset("mp_20").name
    'mp-20'
    """
    wanted = _normal(name)
    return next((dataset for dataset in CATALOG if dataset.name == wanted), None)


def unknown_source(name: str) -> DatasetError:
    """The error for something that is neither a name nor a path.

    >>> print(unknown_source("mp-2"))
    no file, folder or data set 'mp-2'; did you mean 'mp-20'?
    """
    names = [EMBEDDED.name, *(dataset.name for dataset in CATALOG)]
    near = difflib.get_close_matches(_normal(name), names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"data sets: {', '.join(names)}"
    return DatasetError(f"no file, folder or data set {name!r}; {hint}")


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")
