import pytest
import torch

from crystalgen.generation import composition
from crystalgen.generation.checks import label_of
from crystalgen.generation.composition import composition_of
from crystalgen.generation.drawn_before import digest_of
from crystalgen.model.draws import SpeciesDraw
from crystalgen.representation.prototype import Prototype

ROCK_SALT = Prototype(space_group=225, wyckoff=(0, 1), roles=(0, 1))


def drawn(*species):
    """The only draw of a batch; codes do not matter."""
    roles = torch.tensor([species])
    return SpeciesDraw(
        codes=torch.zeros(1, len(species), 2, dtype=torch.long),
        species=roles,
        log_prob=torch.zeros(1),
    )


@pytest.mark.parametrize(
    ("species", "allow_known", "fault"),
    [
        ((11, 17), False, "known"),  # a textbook crystal
        ((11, 17), True, ""),
        ((55, 17), False, ""),
        ((13, 17), False, "charge"),
    ],
)
def test_a_composition_is_faulty_if_charged_or_known(
    weights, species, allow_known, fault
):
    one = composition_of(
        weights, ROCK_SALT, drawn(*species), 0, allow_known=allow_known
    )
    assert one.fault == fault
    assert one.roles == species


def test_what_is_charged_or_welcome_anyway_is_not_looked_up(weights, monkeypatch):
    asked = []
    monkeypatch.setattr(composition, "label_of", lambda *a: str(asked.append(a)))
    composition_of(weights, ROCK_SALT, drawn(13, 17), 0, allow_known=False)
    composition_of(weights, ROCK_SALT, drawn(11, 17), 0, allow_known=True)
    assert not asked
    composition_of(weights, ROCK_SALT, drawn(11, 17), 0, allow_known=False)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("species", "allow_known", "fault"),
    [
        ((11, 17), False, "known"),
        ((11, 17), True, ""),
        ((55, 17), False, "repeated"),
        ((55, 17), True, "repeated"),
        ((13, 17), False, "charge"),
    ],
)
def test_what_the_run_has_drawn_before_is_faulty(weights, species, allow_known, fault):
    before = {digest_of(label_of(ROCK_SALT, (55, 17)))}
    one = composition_of(
        weights,
        ROCK_SALT,
        drawn(*species),
        0,
        allow_known=allow_known,
        drawn_before=before,
    )
    assert one.fault == fault
