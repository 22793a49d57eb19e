import json
import struct

import pytest
import safetensors.torch
import torch
from hypothesis import given, strategies as st

from crystalgen.errors import CheckpointError
from crystalgen.model.checkpoint import load_checkpoint, save_checkpoint

TENSORS = {
    "weight": torch.linspace(-1, 1, 12).reshape(3, 4),
    "half": torch.ones(2, dtype=torch.float16),
    "count": torch.tensor([1, 2, 3]),
    "mask": torch.tensor([True, False]),
}
CONFIG = {"model": {"width": 64, "codes": [3, 64]}}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "toy.safetensors"
    save_checkpoint(path, TENSORS, CONFIG, metadata={"step": "7"})
    return path


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "toy.safetensors"
    save_checkpoint(path, TENSORS, CONFIG)
    return path.read_bytes()


def header_of(path):
    content = path.read_bytes()
    return json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])


def test_tensors_settings_and_entries_come_back(path):
    checkpoint = load_checkpoint(path)

    assert checkpoint.config == CONFIG
    assert checkpoint.name == "toy"
    assert checkpoint.metadata == {"step": "7"}
    assert checkpoint.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert torch.equal(checkpoint.tensors[name], tensor.to(tensor.dtype))


def test_the_file_is_plain_safetensors(path):
    assert torch.equal(safetensors.torch.load_file(path)["weight"], TENSORS["weight"])


def test_the_same_content_gives_the_same_bytes(path, tmp_path):
    again = tmp_path / "again" / "toy.safetensors"
    save_checkpoint(again, TENSORS, CONFIG, metadata={"step": "7"})

    assert again.read_bytes() == path.read_bytes()


def test_weights_can_be_stored_in_half_the_size_and_come_back_as_float32(tmp_path):
    path = tmp_path / "half.safetensors"
    save_checkpoint(path, TENSORS, CONFIG, dtype=torch.float16)

    assert header_of(path)["weight"]["dtype"] == "F16"
    loaded = load_checkpoint(path).tensors
    assert loaded["weight"].dtype == torch.float32
    assert torch.allclose(loaded["weight"], TENSORS["weight"], atol=1e-3)
    assert torch.equal(loaded["count"], TENSORS["count"])


def test_a_value_that_half_precision_cannot_hold_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"big: 100000 does not fit torch.float"):
        save_checkpoint(
            tmp_path / "x.safetensors",
            {"big": torch.tensor([1e5])},
            {},
            dtype=torch.float16,
        )


def test_tied_weights_are_stored_twice(tmp_path):
    path = tmp_path / "tied.safetensors"
    save_checkpoint(path, {"a": TENSORS["weight"], "b": TENSORS["weight"].T}, {})

    loaded = load_checkpoint(path).tensors
    assert torch.equal(loaded["a"], loaded["b"].T)


@given(data=st.data())
def test_no_flipped_bit_goes_unnoticed(content, tmp_path_factory, data):
    position = data.draw(st.integers(0, len(content) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(content)
    flipped[position] ^= 1 << bit
    path = tmp_path_factory.mktemp("flipped") / "toy.safetensors"
    path.write_bytes(flipped)

    with pytest.raises(CheckpointError, match=r"toy.safetensors: ") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


@given(share=st.floats(0, 1, exclude_max=True))
def test_no_truncation_goes_unnoticed(content, tmp_path_factory, share):
    path = tmp_path_factory.mktemp("torn") / "toy.safetensors"
    path.write_bytes(content[: int(share * len(content))])

    with pytest.raises(CheckpointError, match=r"truncated|not a crystalgen checkpoint"):
        load_checkpoint(path)


def test_a_flipped_weight_is_called_damaged(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    with pytest.raises(CheckpointError, match=r"damaged, the SHA-256 .* copy it again"):
        load_checkpoint(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"none.safetensors: no such file"):
        load_checkpoint(tmp_path / "none.safetensors")
    with pytest.raises(CheckpointError, match=r"cannot be read"):
        load_checkpoint(tmp_path)


def test_foreign_files_are_not_opened(tmp_path):
    pickled = tmp_path / "model.pt"
    torch.save(TENSORS, pickled)
    foreign = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file(TENSORS, foreign)

    for path in (pickled, foreign):
        with pytest.raises(CheckpointError, match=r"not a crystalgen checkpoint"):
            load_checkpoint(path)


def test_another_format_version_says_what_to_do(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"format_version":"1"', b'"format_version":"9"'))

    with pytest.raises(CheckpointError, match=r"format version 9, expected 1; use the"):
        load_checkpoint(path)


def test_a_resume_state_is_not_taken_for_weights(tmp_path):
    path = tmp_path / "state.safetensors"
    save_checkpoint(path, TENSORS, {}, kind="state")

    assert load_checkpoint(path, kind="state").tensors
    with pytest.raises(CheckpointError, match=r"the weights are in model.safetensors"):
        load_checkpoint(path)


def test_a_failed_write_leaves_the_file_before_it(path, monkeypatch):
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CheckpointError, match=r"No space left on device"):
        save_checkpoint(path, TENSORS, {})

    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["toy.safetensors"]
