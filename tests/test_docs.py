"""What the documents promise."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from crystalgen.cli.run_file import DataConfig
from crystalgen.model.config import ModelConfig
from crystalgen.training.config import TrainConfig
from crystalgen.training.objective import ObjectiveConfig

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize(
    "config", [DataConfig, TrainConfig, ModelConfig, ObjectiveConfig]
)
def test_every_setting_of_a_run_is_explained(config):
    text = (DOCS / "training.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(\w+)`", text))
    assert {field.name for field in fields(config)} <= explained
