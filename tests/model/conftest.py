"""Atoms in double precision, for laws that hold exactly."""

from dataclasses import fields, replace

import pytest


@pytest.fixture(scope="session")
def double_precision():
    """Function of a batch of atoms that gives it with double-precision maps."""

    def changed(atoms):
        values = {field.name: getattr(atoms, field.name) for field in fields(atoms)}
        return replace(
            atoms,
            **{n: v.double() for n, v in values.items() if v.is_floating_point()},
        )

    return changed
