"""Stages name functions by text, which nothing else would notice to be out of date."""

from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_functions_of_all_stages_are_where_they_are_said_to_be(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    stages = import_module("stage_times").STAGES
    assert stages
    for targets in stages.values():
        for target in targets:
            module, _, name = target.partition(":")
            found = import_module(module)
            for part in name.split("."):
                found = getattr(found, part)
            assert callable(found), target
