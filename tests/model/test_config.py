import pytest

from crystalgen.config import as_plain, build
from crystalgen.model.config import ModelConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 30}, "30 must divide into 4 heads"),
        ({"species_prior_width": 162}, "162 must divide into 4 heads"),
        ({"species_codes": (0, 64)}, r"species_codes must be .* got \(0, 64\)"),
        ({"geometry_codes": (3, 1)}, r"geometry_codes must be .* got \(3, 1\)"),
        ({"mixture_components": 0}, "mixture_components must be positive, got 0"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**settings)


def test_a_shape_survives_a_checkpoint(tiny_config):
    again = build(ModelConfig, as_plain(tiny_config), where="checkpoint")
    assert again == tiny_config
