import pytest
import torch

from crystalgen.generation.candidate import Codes
from crystalgen.generation.decoding import draw_geometry
from crystalgen.generation.encoding import templates_of
from crystalgen.latent.likelihood import log_likelihoods
from crystalgen.model.draws import draw_species


@torch.inference_mode()
def test_likelihoods_are_those_that_the_draws_state(weights, crystals):
    config, networks = weights.config, weights.networks
    _, templates = templates_of(weights, crystals)
    generator = torch.Generator().manual_seed(2)

    def noise(*shape):
        return torch.randn(*shape, generator=generator)

    n, n_orbits = templates.position.shape
    drawn = draw_species(
        networks,
        templates,
        noise(n, 3, *config.species_codes),
        noise(n, 3, 119),
        temperature=1.0,
    )
    geometry = draw_geometry(
        networks,
        templates,
        drawn.species,
        noise(n, n_orbits + 1, *config.geometry_codes),
        temperature=1.0,
        is_coded=torch.ones(n, dtype=torch.bool),
    )
    codes = [
        Codes(
            crystal=tuple(geometry.crystal_codes[row].tolist()),
            roles=tuple(
                map(tuple, drawn.codes[row, : len(set(crystal.species))].tolist())
            ),
            orbits=tuple(
                map(tuple, geometry.orbit_codes[row, : crystal.n_orbits].tolist())
            ),
        )
        for row, crystal in enumerate(crystals)
    ]

    found = log_likelihoods(weights, templates, drawn.species, codes)

    expected = drawn.log_prob + geometry.log_prob
    assert found == pytest.approx(expected.tolist(), abs=1e-3)
