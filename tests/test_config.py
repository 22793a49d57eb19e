import json
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, strategies as st

from crystalgen.config import as_plain, build, load
from crystalgen.errors import ConfigError


class Shape(Enum):
    ROUND = "round"
    SQUARE = "square"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    width: int = 64
    rate: float = 1e-3

    def __post_init__(self):
        if self.width <= 0:
            raise ValueError(f"width must be positive, got {self.width}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    name: str
    inner: Inner = field(default_factory=Inner)
    levels: tuple[int, ...] = (8, 5)
    span: tuple[float, float] = (0.0, 1.0)
    parts: tuple[Inner, ...] = ()
    kind: Literal["soft", "hard"] = "soft"
    shape: Shape = Shape.ROUND
    fast: bool = False
    data: Path | None = None


def test_a_file_becomes_nested_frozen_values(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        """
        name = "first"
        levels = [4, 4, 4]
        span = [0, 2.5]
        kind = "hard"
        shape = "square"
        fast = true
        data = "train.csv"
        [inner]
        width = 128
        [[parts]]
        width = 1
        [[parts]]
        rate = 1
        """
    )

    assert load(path, Outer) == Outer(
        name="first",
        inner=Inner(width=128),
        levels=(4, 4, 4),
        span=(0.0, 2.5),
        parts=(Inner(width=1), Inner(rate=1.0)),
        kind="hard",
        shape=Shape.SQUARE,
        fast=True,
        data=Path("train.csv"),
    )


def test_one_table_of_a_file_can_be_read_alone(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[inner]\nwidth = 3\n[other]\nx = 1\n")

    assert load(path, Inner, table="inner") == Inner(width=3)
    with pytest.raises(ConfigError, match=r"no table \[iner\]; did you mean 'inner'\?"):
        load(path, Inner, table="iner")
    with pytest.raises(
        ConfigError, match=r"no table \[z\]; found \['inner', 'other'\]"
    ):
        load(path, Inner, table="z")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nmae": "x"}, "run.toml: unknown setting 'nmae'; did you mean 'name'?"),
        ({"name": "x", "zzzz": 1}, "unknown setting 'zzzz'; known are ['data',"),
        ({}, "run.toml: missing setting 'name'"),
        ({"name": 3}, "run.toml: name must be a string, got 3 (int)"),
        (
            {"name": "x", "inner": {"widht": 1}},
            "run.toml [inner]: unknown setting 'widht'; did you mean 'width'?",
        ),
        (
            {"name": "x", "inner": {"width": -1}},
            "run.toml [inner]: width must be positive, got -1",
        ),
        (
            {"name": "x", "inner": {"rate": "1e-3"}},
            "run.toml [inner]: rate must be a number, got '1e-3' (str)",
        ),
        (
            {"name": "x", "inner": {"width": 2.0}},
            "run.toml [inner]: width must be an integer, got 2.0 (float)",
        ),
        (
            {"name": "x", "inner": {"width": True}},
            "run.toml [inner]: width must be an integer, got True (bool)",
        ),
        (
            {"name": "x", "inner": 3},
            "run.toml [inner]: expected a table, got 3 (int)",
        ),
        (
            {"name": "x", "levels": 3},
            "run.toml: levels must be an array, got 3 (int)",
        ),
        (
            {"name": "x", "levels": [1, "2"]},
            "run.toml: levels[1] must be an integer, got '2' (str)",
        ),
        (
            {"name": "x", "span": [1, 2, 3]},
            "run.toml: span must have 2 entries, got 3",
        ),
        (
            {"name": "x", "parts": [{}, {"width": 0}]},
            "run.toml [parts[1]]: width must be positive, got 0",
        ),
        (
            {"name": "x", "kind": "sotf"},
            "kind must be one of 'soft', 'hard', got 'sotf'; did you mean 'soft'?",
        ),
        (
            {"name": "x", "shape": "triangle"},
            "shape must be one of 'round', 'square', got 'triangle'",
        ),
        ({"name": "x", "fast": 1}, "fast must be true or false, got 1 (int)"),
        ({"name": "x", "data": 1}, "data must be a path, got 1 (int)"),
    ],
)
def test_a_wrong_setting_says_where_what_and_what_instead(settings, message):
    with pytest.raises(ConfigError) as raised:
        build(Outer, settings, where="run.toml")
    assert message in str(raised.value)


def test_a_nested_table_is_named_in_full():
    with pytest.raises(ConfigError, match=r"run.toml \[model.inner\]: unknown"):
        build(Outer, {"name": "x", "inner": {"a": 1}}, where="run.toml [model]")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name = ", "expected a TOML file: "),
        (b"name = '\xff'", "expected a TOML file in UTF-8"),
        (None, "cannot be read: No such file"),
    ],
    ids=["syntax", "encoding", "absent"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, message):
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        load(path, Outer)
    assert str(raised.value).startswith(f"{path}: {message}")


def test_a_field_that_no_file_can_spell_is_a_bug_of_ours():
    @dataclass(frozen=True)
    class Odd:
        when: complex

    with pytest.raises(TypeError, match="a config cannot hold 'when'"):
        build(Odd, {"when": 1}, where="run.toml")


inners = st.builds(Inner, width=st.integers(1, 999), rate=st.floats(allow_nan=False))
outers = st.builds(
    Outer,
    name=st.text(),
    inner=inners,
    levels=st.lists(st.integers()).map(tuple),
    parts=st.lists(inners, max_size=3).map(tuple),
    kind=st.sampled_from(["soft", "hard"]),
    shape=st.sampled_from(Shape),
    fast=st.booleans(),
    data=st.none() | st.sampled_from([Path("a/b.csv"), Path("c")]),
)


@given(outers)
def test_plain_values_of_a_config_build_it_again(config):
    plain = json.loads(json.dumps(as_plain(config)))
    assert build(Outer, plain, where="here") == config
