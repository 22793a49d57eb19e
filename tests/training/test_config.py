import pytest

from crystalgen.config import build
from crystalgen.errors import ConfigError
from crystalgen.training.config import TrainConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"orbits_per_batch": 0}, "orbits_per_batch must be at least 1, got 0"),
        ({"warmup_steps": -1}, "warmup_steps must not be negative, got -1"),
        ({"clip_norm": 0}, r"clip_norm must be positive, got 0"),
        ({"learning_rate_floor": 1.0}, "between 0 and learning_rate 0.0015, got 1.0"),
        ({"ema_decay": 1.0}, r"ema_decay must lie in \[0, 1\), got 1.0"),
        ({"device": "gpu"}, "device must be one of 'auto', 'cpu', 'cuda', 'mps'"),
        ({"learning_rat": 1.0}, "did you mean 'learning_rate'"),
    ],
)
def test_an_impossible_setting_says_where_and_what(settings, message):
    with pytest.raises(ConfigError, match=message):
        build(TrainConfig, settings, where="run.toml [train]")
