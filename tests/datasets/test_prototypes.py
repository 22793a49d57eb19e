from ase.build import bulk

from crystalgen.datasets.catalog import EMBEDDED
from crystalgen.datasets.parsing import parse
from crystalgen.datasets.prototypes import embedded_source


def test_there_are_288_prototypes_and_70_elements():
    source = embedded_source()

    identifiers = [entry.identifier for entry in source.entries()]

    assert source.n_entries == len(identifiers) == len(set(identifiers))
    assert sum(name.startswith("aflow/") for name in identifiers) == 288
    assert sum(name.startswith("ase/") for name in identifiers) == 70
    assert source.n_entries == EMBEDDED.n_entries


def test_the_first_prototype_is_cinnabar_and_the_last_element_thorium():
    entries = list(embedded_source().entries())

    assert entries[0].identifier == "aflow/000/AB_hP6_154_a_b"
    assert parse(entries[0].payload).formula == "Hg3 S3"
    assert entries[-1].identifier == "ase/Th"
    assert parse(entries[-1].payload).volume > 0.99 * bulk("Th").get_volume()
