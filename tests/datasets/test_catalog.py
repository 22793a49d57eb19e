import re

import pytest

from crystalgen.datasets.catalog import CATALOG, Split, find_dataset, unknown_source
from crystalgen.datasets.csv import sha256_of


@pytest.mark.parametrize("dataset", CATALOG, ids=lambda dataset: dataset.name)
def test_every_dataset_says_whose_it_is_and_where(dataset):
    assert find_dataset(dataset.name) is dataset
    assert dataset.license
    assert "doi:" in dataset.citation
    for split in Split:
        file = dataset.file(split)
        assert re.fullmatch(r"https://\S+\.csv", file.url)
        assert str(split) in file.url
        assert file.n_entries > 0
        assert re.fullmatch(r"[0-9a-f]{64}|", file.sha256)


@pytest.mark.parametrize("name", ["mp-20", "mp_20", "MP-20"])
def test_a_dataset_is_found_however_it_is_spelt(name):
    dataset = find_dataset(name)

    assert dataset is not None
    assert dataset.name == "mp-20"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mp20", "did you mean 'mp-20'?"),
        ("perov", "did you mean 'perov-5'?"),
        ("quartz", "data sets: embedded, mp-20, perov-5, carbon-24, mpts-52"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, message):
    assert find_dataset(name) is None
    assert message in str(unknown_source(name))


@pytest.mark.data
def test_the_published_hash_is_that_of_an_official_file(real_data):
    dataset = find_dataset("mpts-52")

    assert dataset is not None
    assert sha256_of(real_data / "mpts_52" / "val.csv.gz") == dataset.val.sha256
