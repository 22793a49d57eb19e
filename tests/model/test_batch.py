import torch
from hypothesis import given, settings, strategies as st

from crystalgen.model.batch import Templates
from crystalgen.model.collate import collate


@st.composite
def templates(draw):
    """Templates with roles in order of first appearance, padded at the end."""
    n_orbits = draw(st.integers(1, 5))
    position, role = [], []
    for _ in range(draw(st.integers(1, 4))):
        n = draw(st.integers(1, n_orbits))
        roles = [0]
        for _ in range(n - 1):
            roles.append(draw(st.integers(0, max(roles) + 1)))
        role.append(roles + [0] * (n_orbits - n))
        position.append([7] * n + [0] * (n_orbits - n))
    return Templates(
        space_group=torch.ones(len(role), dtype=torch.long),
        position=torch.tensor(position),
        role=torch.tensor(role),
        prototype=torch.zeros(len(role), dtype=torch.long),
        centre=torch.zeros(len(role), dtype=torch.long),
    )


@settings(max_examples=20)
@given(templates=templates())
def test_membership_averages_over_the_orbits_of_each_role(templates):
    n_roles = 5
    membership = templates.membership(n_roles)
    expected = templates.role_present(n_roles).float()
    torch.testing.assert_close(membership.sum(dim=2), expected)
    for row, roles in enumerate(templates.role):
        for role in range(n_roles):
            members = (roles == role) & templates.present[row]
            assert torch.equal(membership[row, role] > 0, members)


@settings(max_examples=20)
@given(templates=templates())
def test_distinct_templates_give_back_all(templates):
    twice = templates.rows(torch.arange(len(templates.role)).repeat(2))
    distinct, which = twice.distinct()
    assert torch.equal(which[: len(templates.role)], which[len(templates.role) :])
    again = distinct.rows(which)
    for name in ("space_group", "position", "role", "prototype", "centre"):
        assert torch.equal(getattr(again, name), getattr(twice, name))
    different = torch.cat([templates.position, templates.role], dim=1).unique(dim=0)
    assert len(distinct.role) == len(different)


def test_moving_a_batch_keeps_everything(examples):
    batch = collate(examples, torch.arange(3).numpy())
    moved = batch.to(torch.device("cpu"))
    assert len(moved) == 3
    assert torch.equal(moved.templates.position, batch.templates.position)
    assert torch.equal(moved.geometry.cell, batch.geometry.cell)
    assert torch.equal(moved.edges.length, batch.edges.length)
    assert torch.equal(moved.species, batch.species)
