import numpy as np
import pytest
import torch
from hypothesis import given, reject, settings, strategies as st

from crystalgen.errors import RequestError
from crystalgen.generation.allowed_species import draw_role_species
from crystalgen.generation.count_sets import counts_of
from crystalgen.generation.noise import Purpose, row_noise
from crystalgen.generation.request import Request
from crystalgen.generation.spelling import anonymous_formula
from crystalgen.generation.templates import TemplateSource
from crystalgen.model.embedding import N_SPECIES
from crystalgen.representation.elements import ATOMIC_NUMBERS, SYMBOLS
from crystalgen.representation.neutrality import is_neutral
from crystalgen.symmetry.wyckoff import crystal_system

N_DRAWS = 12
LISTED = 3
TRAINED = ["Li", "C", "O", "F", "Na", "Mg", "Al", "Si", "Cl", "Ca", "Ti", "Zn", "Sr"]


@torch.inference_mode()
def compositions(weights, request, seed=0):
    """First draws of templates and species, whatever the checks say of them."""
    source = TemplateSource(weights=weights, request=request)
    drawn = source.draw(seed, np.arange(N_DRAWS))
    n_codes, n_entries = weights.config.species_codes
    n_roles = int(drawn.templates.role.max()) + 1
    noise = row_noise(
        seed,
        drawn.draws,
        (n_roles, n_codes * n_entries + N_SPECIES),
        attempt=0,
        purpose=Purpose.SPECIES,
    )
    species = draw_role_species(
        weights,
        drawn.templates,
        drawn.prototypes,
        noise,
        temperature=1.0,
        constraints=source.constraints,
    ).species
    for row, prototype in enumerate(drawn.prototypes):
        roles = species[row, : prototype.n_elements].tolist()
        yield prototype, dict(zip(roles, counts_of(prototype), strict=True))


@pytest.mark.parametrize("renewal", [1, 2])
@pytest.mark.parametrize(
    "wishes", [{"formula": "SrTiO3"}, {"chemical_system": ("Na", "Mg", "O", "F")}]
)
def test_renewed_templates_keep_to_the_wishes_too(weights, wishes, renewal):
    request = Request(**wishes)
    source = TemplateSource(weights=weights, request=request)
    assert source.constraints is not None
    allowed = source.constraints.count_sets
    assert allowed is not None
    earlier = source.draw(0, np.arange(N_DRAWS))
    again = source.draw_again(0, earlier, np.arange(N_DRAWS), renewal=renewal)
    for prototype in again.prototypes:
        counts = counts_of(prototype)
        assert tuple(sorted(counts)) in allowed
        assert source.constraints.assignments(prototype).allowed(()).any()


def test_templates_that_nothing_neutral_has_are_no_dead_end(weights):
    request = Request(require=("Na", "Cl"), min_atoms=3, max_atoms=6)
    for seed in range(5):
        for prototype, counts in compositions(weights, request, seed):
            check(request, prototype, counts)


def check(request, prototype, counts):
    symbols = {SYMBOLS[number - 1] for number in counts}
    n_atoms = sum(counts.values())
    low, high = request.n_elements or (1, 8)
    group = prototype.space_group
    assert len(counts) == prototype.n_elements
    assert not request.space_groups or group in request.space_groups
    systems = request.crystal_systems
    assert not systems or crystal_system(group) in systems
    assert not request.chemical_system or symbols == set(request.chemical_system)
    assert not request.elements or symbols <= set(request.elements)
    assert symbols >= set(request.require)
    assert not symbols & set(request.exclude)
    assert low <= len(symbols) <= high
    assert (request.min_atoms or 1) <= n_atoms <= (request.max_atoms or 20)
    if request.anonymous_formula:
        assert anonymous_formula(counts.values()) == request.anonymous_formula
    if request.formula:
        unit = {ATOMIC_NUMBERS[s]: n for s, n in request.composition.items()}
        assert symbols == set(request.composition)
        [ratio] = {counts[number] / n for number, n in unit.items()}
        assert request.z in (None, ratio)
    # where all assignments can be listed, charges are part of the draw
    is_small = len(request.chemical_system or request.composition) in range(1, LISTED)
    if is_small and request.charge_neutral:
        assert is_neutral(tuple(counts), tuple(counts.values()))


some = st.lists(st.sampled_from(TRAINED), max_size=4, unique=True).map(tuple)
requests = st.fixed_dictionaries(
    {},
    optional={
        "space_groups": st.lists(
            st.sampled_from([1, 14, 62, 136, 186, 194, 221, 225, 227]), min_size=1
        ).map(tuple),
        "crystal_systems": st.lists(
            st.sampled_from(["cubic", "hexagonal", "monoclinic"]), max_size=2
        ).map(tuple),
        "chemical_system": some,
        "elements": some,
        "require": some,
        "exclude": some,
        "formula": st.sampled_from(["NaCl", "SrTiO3", "TiO2", "Na2O", "MgAl2O4"]),
        "anonymous_formula": st.sampled_from(["AB", "AB2", "ABC3", "AB2C4"]),
        "n_elements": st.sampled_from([(1, 1), (2, 3), (3, 3), (4, 6)]),
        "min_atoms": st.integers(1, 20),
        "max_atoms": st.integers(1, 20),
        "charge_neutral": st.booleans(),
    },
)


@settings(max_examples=150)
@given(wishes=requests, seed=st.integers(0, 9))
def test_every_draw_of_any_mix_of_wishes_keeps_to_all_of_them(weights, wishes, seed):
    try:
        request = Request(**wishes)
        drawn = list(compositions(weights, request, seed))
    except RequestError as error:
        if "\n" in str(error):
            raise AssertionError("more than one line") from error
        reject()
    for prototype, counts in drawn:
        check(request, prototype, counts)


@pytest.mark.parametrize(
    "wishes",
    [
        {"chemical_system": ("Na", "Cl")},
        {"formula": "SrTiO3", "space_groups": (1,)},
        {"formula": "NaCl", "z": 4, "crystal_systems": ("orthorhombic",)},
        {"anonymous_formula": "AB2C4", "require": ("O",)},
        {"n_elements": (5, 6), "min_atoms": 12},
        {"elements": ("Na", "Mg", "O", "F"), "charge_neutral": False},
        {"require": ("Ti",), "exclude": ("O",), "space_groups": (225, 62)},
    ],
)
def test_wishes_beyond_the_known_prototypes_are_met_by_new_ones(weights, wishes):
    request = Request(**wishes)
    drawn = list(compositions(weights, request))
    assert len(drawn) == N_DRAWS
    for prototype, counts in drawn:
        check(request, prototype, counts)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        (
            {"space_groups": (227,), "min_atoms": 5, "max_atoms": 5},
            "no combination of Wyckoff positions of group 227 holds 5 atoms$",
        ),
        (
            {"space_groups": (227,), "formula": "SrTiO3", "z": 1},
            "of group 227 holds SrTiO3, which is 5 atoms",
        ),
        ({"space_groups": (227,), "anonymous_formula": "ABCDE"}, "227 holds ABCDE"),
        ({"formula": "Na5Cl7"}, "usual oxidation states of Na5Cl7 do not cancel"),
        ({"formula": "NaCl", "z": 11}, "z: 11 formula units of NaCl are 22 atoms"),
        ({"formula": "NaCl", "min_atoms": 3, "max_atoms": 3}, "no multiple of NaCl"),
        ({"chemical_system": ("Li", "Na", "F"), "max_atoms": 2}, "2 atoms cannot"),
        ({"require": ("Po",)}, "no crystal of the training data has Po"),
        ({"elements": ("Po", "At")}, "none of those allowed is among"),
        ({"min_atoms": 21}, "min atoms: got 21; .* up to 20 atoms"),
        ({"n_elements": (9, 9)}, "crystals of up to 8 elements, got 9"),
        ({"chemical_system": ("O", "F"), "max_atoms": 2}, "no composition of O, F"),
    ],
)
def test_what_is_impossible_is_proven_so_in_one_line(weights, wishes, message):
    with pytest.raises(RequestError, match=message) as refused:
        TemplateSource(weights=weights, request=Request(**wishes))
    assert "\n" not in str(refused.value)


def test_codes_mean_the_elements_that_are_allowed(weights):
    meanings = weights.code_meanings
    n_entries = weights.config.species_codes[1]
    assert meanings.shape == (n_entries, n_entries, N_SPECIES)
    trained = weights.networks.statistics.species_count > 0
    assert (meanings.sum(dim=(0, 1))[trained] > 0).all()


def test_a_whole_run_keeps_to_a_formula(generator):
    request = Request(n=3, formula="NaCl", allow_known=True, vary_geometry=True)
    for candidate in generator.sample(request, seed=0):
        assert candidate.structure.composition.reduced_formula == "NaCl"
