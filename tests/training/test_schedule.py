import pytest
from hypothesis import given, strategies as st

from crystalgen.training.config import TrainConfig
from crystalgen.training.schedule import ema_decay_at, learning_rate_at, progress_of

CONFIG = TrainConfig(learning_rate=1e-2, learning_rate_floor=1e-4, warmup_steps=10)


@given(step=st.integers(0, 10_000), progress=st.floats(0, 1))
def test_the_rate_stays_between_zero_and_its_peak(step, progress):
    assert 0 < learning_rate_at(step, progress, CONFIG) <= CONFIG.learning_rate


@given(step=st.integers(10, 1000), progress=st.floats(0, 0.99))
def test_after_the_warm_up_the_rate_only_falls(step, progress):
    now = learning_rate_at(step, progress, CONFIG)
    later = learning_rate_at(step + 1, progress + 0.01, CONFIG)
    assert later < now


def test_the_rate_rises_linearly_and_ends_on_the_floor():
    rising = [learning_rate_at(step, 0.0, CONFIG) for step in range(10)]
    assert rising == pytest.approx([1e-3 * i for i in range(1, 11)])
    assert learning_rate_at(5000, 1.0, CONFIG) == pytest.approx(1e-4)


def test_no_warm_up_starts_at_the_peak():
    config = TrainConfig(learning_rate=1e-2, warmup_steps=0)
    assert learning_rate_at(0, 0.0, config) == pytest.approx(1e-2)


@given(
    step=st.integers(0, 1000),
    minutes=st.floats(0, 100),
    max_minutes=st.sampled_from([0.0, 50.0]),
)
def test_progress_is_a_share(step, minutes, max_minutes):
    progress = progress_of(step, minutes, steps=500, max_minutes=max_minutes)
    assert 0 <= progress <= 1
    assert progress == 1 or step < 500


def test_the_average_forgets_its_first_weights():
    assert ema_decay_at(0, CONFIG) == pytest.approx(0.1)
    assert ema_decay_at(1_000_000, CONFIG) == CONFIG.ema_decay
