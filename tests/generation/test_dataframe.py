import numpy as np

from crystalgen import Request, to_dataframe


def test_each_candidate_is_a_row(generator):
    request = Request(n=5, charge_neutral=False)
    candidates = list(generator.sample(request, seed=3))
    table = to_dataframe(candidates)
    assert list(table.index) == [each.index for each in candidates]
    assert list(table.formula) == [each.formula for each in candidates]
    volumes = [each.structure.volume for each in candidates]
    np.testing.assert_allclose(table.volume_per_atom * table.n_atoms, volumes)
    assert list(table.structure) == [each.structure for each in candidates]
    n_parts = [len(each.split("-")) for each in table.chemical_system]
    assert list(table.n_elements) == n_parts


def test_no_candidates_are_an_empty_table():
    table = to_dataframe([])
    assert table.empty
    assert "density" in table.columns
