import pytest

from crystalgen.decoration.host import read_host
from crystalgen.decoration.request import DecorationRequest
from crystalgen.decoration.sites import choose_sites
from crystalgen.errors import RequestError

KNOWN = (8, 12, 22, 38, 40, 56)


def chosen(structure, **asked):
    request = DecorationRequest(**asked)
    host = read_host(structure, supercell=request.supercell, symmetry=request.symmetry)
    return host, choose_sites(host, request, KNOWN)


def test_frozen_sites_have_their_own_element_alone(perovskite):
    _, sites = chosen(perovskite, sites=("Ti",))
    for role, options in enumerate(sites.options):
        is_titanium = sites.before[role] == 22
        assert sites.is_open[role] == is_titanium
        assert options == (KNOWN if is_titanium else (sites.before[role],))


def test_a_wyckoff_position_names_the_same_sites_as_their_element(perovskite):
    host, by_element = chosen(perovskite, sites=("O",))
    label = host.labels[host.species.index(8)]
    assert chosen(perovskite, sites=(label,))[1] == by_element


def test_kept_elements_are_never_open(perovskite):
    _, sites = chosen(perovskite, keep=("O", "Sr"))
    assert [sites.before[role] for role in sites.open_roles] == [22]


def test_apart_each_orbit_is_a_role(perovskite):
    asked = {"supercell": (2, 1, 1), "symmetry": "lowered", "sites": ("Ti", "Sr")}
    _, together = chosen(perovskite, **asked)
    _, apart = chosen(perovskite, sharing="apart", **asked)
    assert len(together.open_roles) == 2
    assert len(apart.open_roles) == 4
    assert sum(apart.sizes) == sum(together.sizes) == 10


def test_elements_that_differ_differ_still(perovskite):
    _, sites = chosen(perovskite)
    assert sites.is_allowed(sites.before)
    assert not sites.is_allowed((8,) * 3)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"sites": ("9z",)}, "Sr 1"),
        ({"sites": ("Fe",)}, "Fe"),
        ({"keep": ("Fe",)}, "keep: got 'Fe'"),
        ({"keep": ("Sr", "Ti", "O")}, "none is left open"),
        ({"elements": ("U",)}, "no training crystal"),
    ],
)
def test_what_the_host_or_the_model_does_not_have_is_refused(perovskite, asked, said):
    with pytest.raises(RequestError, match=said):
        chosen(perovskite, **asked)
