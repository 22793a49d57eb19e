import json
from dataclasses import replace

import pytest

from crystalgen.errors import ExportError
from crystalgen.export.manifest import Counts, from_json, to_json


def test_a_manifest_survives_its_file(manifest):
    finished = replace(
        manifest,
        status="incomplete",
        reason="gave up",
        counts=Counts(asked=14, drawn=40, valid=20, unique=13, written=13),
        rejections={"duplicate": 7},
        seconds=1.5,
    )
    assert from_json(to_json(finished)) == finished


def test_a_manifest_names_the_versions_in_use(manifest):
    versions = json.loads(to_json(manifest))["versions"]
    assert {"python", "crystalgen-dvae", "torch", "pymatgen", "spglib"} <= set(versions)


def test_runs_are_named_by_weights_request_and_seed(manifest):
    assert manifest.run == replace(manifest, command="other", started="now").run
    others = [
        replace(manifest, seed=1),
        replace(manifest, weights_sha256="cd" * 32),
        replace(manifest, request={"n": 14, "space_groups": [225]}),
    ]
    assert len({manifest.run, *(each.run for each in others)}) == 4


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format_version": 1}', '{"format_version": "x"}']
)
def test_what_is_no_manifest_is_refused(text):
    with pytest.raises(ExportError, match="manifest: cannot be read"):
        from_json(text)


def test_a_manifest_of_a_later_version_is_refused(manifest):
    entry = json.loads(to_json(manifest)) | {"format_version": 2}
    with pytest.raises(ExportError, match="install a newer crystalgen"):
        from_json(json.dumps(entry))
