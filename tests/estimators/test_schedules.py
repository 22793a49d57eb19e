import math
from dataclasses import asdict

import pytest
from hypothesis import given, strategies as st

from crystalgen.config import build
from crystalgen.errors import ConfigError
from crystalgen.estimators.schedules import TemperatureSchedule, temperature

temperatures = st.floats(1e-3, 1e3)
progress = st.floats(0, 1)


@st.composite
def schedules(draw):
    end, start = sorted([draw(temperatures), draw(temperatures)])
    return TemperatureSchedule(
        kind=draw(st.sampled_from(["exponential", "cosine", "linear"])),
        start=start,
        end=end,
        fraction=draw(st.floats(0.01, 1)),
    )


@given(schedules())
def test_both_ends_are_exact(schedule):
    assert temperature(schedule, 0.0) == schedule.start
    assert temperature(schedule, schedule.fraction) == schedule.end
    assert temperature(schedule, 1.0) == schedule.end


@given(schedules(), progress, progress)
def test_it_never_rises_and_stays_between_its_ends(schedule, one, other):
    earlier, later = sorted([one, other])
    warm, cool = temperature(schedule, earlier), temperature(schedule, later)

    assert cool <= warm * (1 + 1e-12)
    assert schedule.end <= cool
    assert warm <= schedule.start


@given(schedules(), st.floats(0, 0.9), st.floats(0.05, 0.1))
def test_its_shape_is_the_one_it_is_named_after(schedule, way, step):
    """Equal steps have equal ratios, equal differences or cosine's closed form."""
    a, b, c = (
        temperature(schedule, (way + k * step / 2) * schedule.fraction)
        for k in range(3)
    )
    start, end = schedule.start, schedule.end
    match schedule.kind:
        case "exponential":
            assert a * c == pytest.approx(b * b, rel=1e-6)
        case "linear":
            assert a + c == pytest.approx(2 * b, rel=1e-6)
        case "cosine":
            middle = math.cos(math.pi * (way + step / 2))
            assert b == pytest.approx((start + end + (start - end) * middle) / 2)


@given(schedules())
def test_a_schedule_is_a_table_of_a_run_file(schedule):
    assert build(TemperatureSchedule, asdict(schedule), where="here") == schedule


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": 0.1}, "start >= end > 0, got start = 0.1 and end = 0.4"),
        ({"end": 0.0}, "start >= end > 0"),
        ({"start": math.inf}, "start >= end > 0"),
        ({"end": math.nan}, "start >= end > 0"),
        ({"fraction": 0.0}, r"fraction must lie in \(0, 1\], got 0.0"),
        ({"kind": "cosin"}, "did you mean 'cosine'"),
    ],
)
def test_an_impossible_schedule_is_refused(settings, message):
    with pytest.raises(ConfigError, match=rf"here: .*{message}"):
        build(TemperatureSchedule, settings, where="here")


@pytest.mark.parametrize("outside", [-0.1, 1.1, math.nan])
def test_progress_outside_the_run_is_refused(outside):
    with pytest.raises(ValueError, match="progress must lie in"):
        temperature(TemperatureSchedule(), outside)
