"""Training with properties: what is learnt, what is not, and that it resumes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from crystalgen.errors import TrainingError
from crystalgen.generation.weights import load_weights
from crystalgen.model.autoencoder import CrystalAutoencoder, Relaxations
from crystalgen.model.collate import collate, label_examples
from crystalgen.model.noise import no_noise
from crystalgen.model.statistics import count_statistics
from crystalgen.training.config import TrainConfig
from crystalgen.training.objective import AutoencoderProblem, ObjectiveConfig
from crystalgen.training.property_loss import property_losses
from crystalgen.training.run import RunConfig, train_run

NAMES = ("gap", "energy")


@pytest.fixture(scope="module")
def labelled(tables):
    """The crystals with a full column and one with holes."""
    crystals, graphs = tables
    gap = np.linspace(0.0, 5.0, len(crystals))
    energy = np.where(np.arange(len(crystals)) % 3 == 0, np.nan, -gap)
    return replace(crystals, properties={"gap": gap, "energy": energy}), graphs


@pytest.fixture(scope="module")
def config(tiny_config):
    return RunConfig(
        model=replace(tiny_config, properties=NAMES),
        train=TrainConfig(steps=8, orbits_per_batch=24, warmup_steps=2, device="cpu"),
    )


@pytest.fixture
def model(labelled, config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CrystalAutoencoder(
            config.model, count_statistics(labelled[0], labelled[1], NAMES)
        )


@pytest.fixture
def problem(labelled, model):
    vocabulary = model.generative.statistics.vocabulary
    examples = label_examples(labelled[0], labelled[1], vocabulary, NAMES)
    return AutoencoderProblem(examples=examples, config=ObjectiveConfig())


def run(config, labelled, out, *, until=None, resume=False):
    for report in train_run(config, labelled, labelled, out, resume=resume):
        if report.step == until:
            break
    return load_weights(out / "model.safetensors").tensors


def test_all_that_knows_of_properties_learns(model, problem):
    batch = problem.collate(np.arange(14), torch.device("cpu"))
    model.train()
    for seed in range(2):  # embeddings are zero before the first step
        losses = problem.loss_of(
            model, batch, progress=0.5, generator=torch.Generator().manual_seed(seed)
        )
        model.zero_grad()
        losses.total.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter -= 1e-3 * parameter.grad.sign()
    told = ("given", "group_prior", "property_heads")
    grads = {
        name: parameter.grad
        for name, parameter in model.named_parameters()
        if any(word in name for word in told)
    }
    assert {name.split(".")[1] for name in grads} >= {
        "species_prior",
        "geometry_prior",
        "prototype_prior",
        "group_prior",
    }
    assert all(g is not None and g.isfinite().all() and g.any() for g in grads.values())


def test_errors_are_in_the_unit_of_the_property_and_over_known_labels(model, problem):
    batch = problem.collate(np.arange(14), torch.device("cpu"))
    scales = model.generative.statistics.properties
    hidden = scales.standardise(batch.properties) * torch.nan
    with torch.no_grad():
        relaxations = Relaxations(code_temperature=1.0, species_temperature=1.0)
        noise = no_noise(model.generative.config, batch)
        outcome = model(batch, noise, relaxations, hidden)
    parts = property_losses(model.generative, batch, outcome).parts
    predicted = outcome.properties.location * scales.scale + scales.centre
    expected = (predicted - batch.properties).abs().nanmean(dim=0)
    found = torch.stack([parts["gap_mae"], parts["energy_mae"]])
    torch.testing.assert_close(found, expected)


def test_a_batch_without_labels_costs_nothing(model, problem):
    examples = replace(
        problem.examples, properties=np.full_like(problem.examples.properties, np.nan)
    )
    batch = collate(examples, np.arange(4))
    losses = problem.loss_of(
        model.eval(), batch, progress=1.0, generator=torch.Generator().manual_seed(0)
    )
    assert losses.total.isfinite()
    assert float(losses.parts["property_nll"]) == 0
    assert float(losses.parts["gap_mae"]) == 0


def test_a_run_resumes_bit_for_bit_and_its_weights_load(config, labelled, tmp_path):
    whole = run(config, labelled, tmp_path / "whole")
    run(config, labelled, tmp_path / "parts", until=3)
    parts = run(config, labelled, tmp_path / "parts", resume=True)
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    weights = load_weights(tmp_path / "whole" / "model.safetensors")
    assert weights.config.properties == NAMES
    assert weights.autoencoder.property_heads is not None


def test_the_networks_of_others_are_drawn_alike_with_and_without(
    tables, labelled, tiny_config
):
    def tensors(properties):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            statistics = count_statistics(labelled[0], labelled[1], properties)
            config = replace(tiny_config, properties=properties)
            return CrystalAutoencoder(config, statistics).encoder.state_dict()

    one, two = tensors(()), tensors(NAMES)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_property_that_no_crystal_has_is_named(config, labelled, tmp_path):
    wrong = replace(config, model=replace(config.model, properties=("band_gap",)))
    with pytest.raises(TrainingError, match=r"'band_gap'.* some of: energy, gap"):
        next(train_run(wrong, labelled, None, tmp_path))
