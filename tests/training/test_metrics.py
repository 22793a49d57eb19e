import sys

import pytest

from crystalgen.errors import ConfigError, TrainingError
from crystalgen.training.metrics import open_metrics, read_metrics


def test_lines_are_appended_and_read_back(tmp_path):
    with open_metrics(tmp_path, step=0) as metrics:
        metrics.append({"step": 20, "loss": 1.5})
    with open_metrics(tmp_path, step=20) as metrics:
        metrics.append({"step": 40, "loss": 0.5})

    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert lines == [{"step": 20, "loss": 1.5}, {"step": 40, "loss": 0.5}]


def test_lines_after_the_resumed_step_and_a_torn_one_are_dropped(tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')

    with open_metrics(tmp_path, step=2):
        assert path.read_text() == '{"step": 1}\n{"step": 2}\n'
    assert "line 4 is torn" in caplog.text


def test_other_processes_write_nothing(tmp_path):
    with open_metrics(tmp_path, step=0, is_first=False) as metrics:
        metrics.append({"step": 1})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanished_is_named(tmp_path):
    with (
        open_metrics(tmp_path / "gone", step=0) as metrics,
        pytest.raises(TrainingError, match=r"gone/metrics.jsonl: cannot be written"),
    ):
        metrics.append({"step": 1})
    with pytest.raises(TrainingError, match="cannot be read"):
        read_metrics(tmp_path / "none.jsonl")


def test_tensorboard_that_is_not_installed_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with (
        pytest.raises(ConfigError, match=r"TensorBoard is not installed; run `pip"),
        open_metrics(tmp_path, step=0, tensorboard=True),
    ):
        pass


def test_tensorboard_gets_every_value(tmp_path, monkeypatch):
    calls = []

    class Writer:
        def __init__(self, folder, purge_step):
            calls.append((folder.name, purge_step))

        def add_scalar(self, name, value, step):
            calls.append((name, value, step))

        def close(self):
            calls.append("closed")

    fake = type(sys)("torch.utils.tensorboard")
    fake.__dict__["SummaryWriter"] = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    with open_metrics(tmp_path, step=4, tensorboard=True) as metrics:
        metrics.append({"step": 5, "loss": 0.5})

    assert calls == [("tensorboard", 5), ("loss", 0.5, 5), "closed"]
