"""`crystalgen generate --dry-run`: what would be, and nothing written."""

import json
from pathlib import Path

from crystalgen.generation.outlook import Outlook


def test_a_dry_run_says_what_would_be_and_writes_nothing(model, run_in, monkeypatch):
    found = Outlook(
        n_groups=1,
        n_prototypes=4,
        n_known=5285,
        new_share=0.29,
        n_elements=2,
        drawn=128,
        valid=120,
        unique=30,
        trial_seconds=4.0,
        wanted=300,
    )
    monkeypatch.setattr("crystalgen.generation.outlook.outlook", lambda *_, **__: found)
    result = run_in("--n", "300", "--formula", "NaCl", "--dry-run")
    assert result.exit_code == 0, result.output
    for words in ("NaCl", "4 of 5285", "120 valid, 30 of them", "about 40 s", "fewer"):
        assert words in result.stdout
    entry = json.loads(run_in("--n", "300", "--dry-run", "--json").stdout)
    assert (entry["request"]["n"], entry["seconds"]) == (300, 40)
    assert list(Path().iterdir()) == []
