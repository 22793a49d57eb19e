"""Compositions as shares of families and places among densities."""

import numpy as np
import torch
from pymatgen.core import Element

from crystalgen.model.collate import collate
from crystalgen.model.composition_features import (
    DENSITIES,
    element_families,
    features_of,
)


def test_families_follow_the_periodic_table():
    families = element_families()

    def of(symbols):
        return {int(families[Element(symbol).Z]) for symbol in symbols.split()}

    for alike in ("La Ce Lu", "Th U Pu", "K Rb Cs", "Cl", "Br I", "Zr Hf", "Ge Sn Pb"):
        assert len(of(alike)) == 1
    apart = "H Li K Be Ca Sc Ti Zr Mn Re La U B Al Ga C Si Ge N P As O S Se F Cl Br"
    assert len(of(apart)) == len(apart.split())


def test_features_share_out_atoms_and_densities(examples):
    batch = collate(examples, np.arange(len(examples)))
    log_density = np.linspace(-1.0, 4.0, len(batch.species))
    found = features_of(batch.templates, batch.species, log_density)
    n_families = int(element_families().max()) + 1
    np.testing.assert_allclose(found[:, :n_families].sum(axis=1), 1.0)
    np.testing.assert_allclose(found[:, n_families:-1].sum(axis=1), 1.0)
    within = np.clip(log_density, DENSITIES[0], DENSITIES[-1])
    np.testing.assert_allclose(found[:, n_families:-1] @ DENSITIES, within)
    np.testing.assert_array_equal(found[:, -1], log_density)
    moved = torch.roll(batch.species, 1, dims=0)
    assert not np.allclose(found, features_of(batch.templates, moved, log_density))
