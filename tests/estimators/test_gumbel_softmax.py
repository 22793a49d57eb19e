import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from scipy.stats import chisquare, gumbel_r, kstest

from crystalgen.estimators.gumbel_softmax import (
    Relaxation,
    draw,
    gumbel_max,
    gumbel_noise,
)

seeds = st.integers(0, 2**32 - 1)
relaxations = st.sampled_from(Relaxation)
warm = st.floats(0.05, 10)


def generator(seed):
    return torch.Generator().manual_seed(seed)


def rows(seed, n_rows=5, n_categories=7):
    """Logits and noise in double precision."""
    shape = (n_rows, n_categories)
    source = generator(seed)
    logits = torch.randn(shape, generator=source, dtype=torch.float64) * 3
    return logits, gumbel_noise(shape, generator=source, dtype=torch.float64)


def masks(seed, shape):
    """About half of all categories, and at least one of each row."""
    source = generator(seed + 1)
    mask = torch.rand(shape, generator=source) < 0.5
    mask[..., 0] |= ~mask.any(dim=-1)
    return mask


def gradient_of(objective, logits, *arguments, **options):
    leaf = logits.clone().requires_grad_()
    objective(draw(leaf, *arguments, **options)).backward()
    assert leaf.grad is not None
    return leaf.grad


class TestNoise:
    def test_it_follows_the_standard_gumbel_distribution(self):
        noise = gumbel_noise((20_000,), generator=generator(0))
        assert kstest(noise.numpy(), gumbel_r.cdf).pvalue > 0.01

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_it_is_finite_in_any_precision(self, dtype):
        noise = gumbel_noise((100_000,), generator=generator(0), dtype=dtype)
        assert noise.dtype == dtype
        assert noise.isfinite().all()
        assert noise.max() > 8  # the tail is there

    def test_it_comes_from_the_generator_alone(self):
        torch.manual_seed(0)
        state = torch.get_rng_state()
        one = gumbel_noise((4, 3), generator=generator(7), device="cpu")
        other = gumbel_noise((4, 3), generator=generator(7))

        assert torch.equal(one, other)
        assert torch.equal(torch.get_rng_state(), state)


class TestDraw:
    @given(seeds, warm, relaxations, st.booleans())
    def test_rows_are_probabilities(self, seed, temperature, relaxation, masked):
        logits, noise = rows(seed)
        mask = masks(seed, logits.shape) if masked else None

        sample = draw(
            logits, noise, temperature=temperature, relaxation=relaxation, mask=mask
        )

        assert (sample >= 0).all()
        torch.testing.assert_close(sample.sum(-1), torch.ones(5, dtype=torch.float64))

    @given(seeds, relaxations)
    def test_its_largest_entry_is_the_category_of_gumbel_max(self, seed, relaxation):
        logits, noise = rows(seed)
        sample = draw(logits, noise, temperature=0.7, relaxation=relaxation)
        assert torch.equal(sample.argmax(-1), gumbel_max(logits, noise))

    @given(seeds)
    def test_it_is_a_softmax_of_perturbed_logits(self, seed):
        """Jang et al. (2017), eq. 2, term by term."""
        logits, noise = rows(seed, n_rows=1, n_categories=3)
        terms = [
            math.exp((logit + gumbel) / 1.5)
            for logit, gumbel in zip(logits[0].tolist(), noise[0].tolist(), strict=True)
        ]
        expected = [[term / sum(terms) for term in terms]]

        sample = draw(logits, noise, temperature=1.5, relaxation=Relaxation.SOFT)

        np.testing.assert_allclose(sample.numpy(), expected)

    @given(seeds)
    def test_a_small_temperature_makes_it_one_hot(self, seed):
        logits, noise = rows(seed)
        soft = draw(logits, noise, temperature=1e-9, relaxation=Relaxation.SOFT)
        hard = draw(
            logits, noise, temperature=1.0, relaxation=Relaxation.STRAIGHT_THROUGH
        )
        torch.testing.assert_close(soft, hard)

    @given(seeds)
    def test_a_high_temperature_makes_it_uniform(self, seed):
        logits, noise = rows(seed)
        soft = draw(logits, noise, temperature=1e9, relaxation=Relaxation.SOFT)
        torch.testing.assert_close(soft, torch.full_like(soft, 1 / 7))

    @given(seeds, warm, st.sampled_from([r for r in Relaxation if r.value != "soft"]))
    def test_all_but_soft_draws_are_exactly_one_hot(
        self, seed, temperature, relaxation
    ):
        logits, noise = rows(seed)
        for dtype in (torch.float32, torch.bfloat16):
            sample = draw(
                logits.to(dtype),
                noise.to(dtype),
                temperature=temperature,
                relaxation=relaxation,
            )
            assert ((sample == 0) | (sample == 1)).all()
            assert (sample.sum(-1) == 1).all()

    @given(seeds, warm, st.booleans())
    def test_straight_through_has_the_gradient_of_the_soft_draw(
        self, seed, temperature, masked
    ):
        logits, noise = rows(seed)
        weights = torch.randn(logits.shape, generator=generator(seed)).double()
        mask = masks(seed, logits.shape) if masked else None

        soft, straight = (
            gradient_of(
                lambda sample: (sample * weights).sum(),
                logits,
                noise,
                temperature=temperature,
                relaxation=relaxation,
                mask=mask,
            )
            for relaxation in (Relaxation.SOFT, Relaxation.STRAIGHT_THROUGH)
        )

        assert torch.equal(soft, straight)
        assert soft.abs().max() > 0 or temperature < 1

    @given(seeds, relaxations, st.floats(-50, 50))
    def test_a_constant_added_to_the_logits_changes_nothing(
        self, seed, relaxation, shift
    ):
        logits, noise = rows(seed)
        one, other = (
            draw(each, noise, temperature=0.8, relaxation=relaxation)
            for each in (logits, logits + shift)
        )
        torch.testing.assert_close(one, other)

    @given(seeds, relaxations)
    def test_categories_may_come_in_any_order(self, seed, relaxation):
        logits, noise = rows(seed)
        order = torch.randperm(7, generator=generator(seed))
        one = draw(logits, noise, temperature=0.8, relaxation=relaxation)
        other = draw(
            logits[:, order], noise[:, order], temperature=0.8, relaxation=relaxation
        )
        torch.testing.assert_close(one[:, order], other)

    @given(seeds, warm, relaxations)
    def test_a_masked_category_has_no_probability_and_no_gradient(
        self, seed, temperature, relaxation
    ):
        logits, noise = rows(seed)
        mask = masks(seed, logits.shape)
        options = {
            "temperature": temperature,
            "relaxation": relaxation,
            "mask": mask,
        }

        sample = draw(logits, noise, **options)
        gradient = gradient_of(lambda y: (y**2).sum(), logits, noise, **options)

        assert (sample[~mask] == 0).all()
        assert (gradient[~mask] == 0).all()
        assert gradient.isfinite().all()

    def test_one_mask_serves_all_rows(self):
        logits, noise = rows(0)
        mask = torch.tensor([[True, False, True, False, True, False, True]])
        sample = draw(
            logits, noise, temperature=1.0, relaxation=Relaxation.SOFT, mask=mask
        )
        assert (sample[:, 1::2] == 0).all()

    @pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
    def test_a_temperature_that_is_not_positive_is_refused(self, temperature):
        with pytest.raises(ValueError, match="temperature must be positive, got"):
            draw(*rows(0), temperature=temperature, relaxation=Relaxation.SOFT)

    def test_a_row_that_allows_nothing_is_named(self):
        logits, noise = rows(0)
        mask = torch.ones(logits.shape, dtype=torch.bool)
        mask[3] = False
        with pytest.raises(ValueError, match=r"allowed in 1 rows, first \[3\]"):
            draw(logits, noise, temperature=1.0, relaxation=Relaxation.SOFT, mask=mask)


class TestGumbelMax:
    def test_its_frequencies_are_the_softmax(self):
        logits = torch.tensor([1.5, 0.0, -1.0, 0.3, -2.5])
        n_draws = 100_000
        noise = gumbel_noise((n_draws, 5), generator=generator(3))

        drawn = gumbel_max(logits.expand(n_draws, 5), noise)

        counts = drawn.bincount(minlength=5).numpy()
        expected = n_draws * logits.double().softmax(-1).numpy()
        assert chisquare(counts, expected).pvalue > 0.01

    def test_its_temperature_is_that_of_the_distribution(self):
        logits = torch.tensor([1.5, 0.0, -1.0])
        noise = gumbel_noise((100_000, 3), generator=generator(4))

        drawn = gumbel_max(logits.expand(100_000, 3), noise, temperature=2.0)

        expected = 100_000 * (logits.double() / 2).softmax(-1).numpy()
        assert chisquare(drawn.bincount(minlength=3).numpy(), expected).pvalue > 0.01

    def test_a_mask_renormalizes_the_others(self):
        logits = torch.tensor([1.5, 0.0, -1.0, 0.3])
        mask = torch.tensor([False, True, True, True])
        noise = gumbel_noise((100_000, 4), generator=generator(5))

        drawn = gumbel_max(logits.expand(100_000, 4), noise, mask=mask.expand(1, 4))

        counts = drawn.bincount(minlength=4).numpy()
        expected = 100_000 * logits[1:].double().softmax(-1).numpy()
        assert counts[0] == 0
        assert chisquare(counts[1:], expected).pvalue > 0.01

    @given(seeds)
    def test_no_temperature_is_the_best_guess(self, seed):
        logits, noise = rows(seed)
        assert torch.equal(
            gumbel_max(logits, noise, temperature=0.0), logits.argmax(-1)
        )

    @given(seeds, st.floats(0, 10))
    def test_a_masked_category_is_never_drawn(self, seed, temperature):
        logits, noise = rows(seed)
        mask = masks(seed, logits.shape)
        drawn = gumbel_max(logits, noise, temperature=temperature, mask=mask)
        assert mask.gather(-1, drawn[:, None]).all()

    @pytest.mark.parametrize("temperature", [-0.1, math.nan])
    def test_a_negative_temperature_is_refused(self, temperature):
        with pytest.raises(ValueError, match="temperature must not be negative"):
            gumbel_max(*rows(0), temperature=temperature)

    def test_a_row_that_allows_nothing_is_named(self):
        logits, noise = rows(0)
        with pytest.raises(ValueError, match=r"allowed in 5 rows, first \[0\]"):
            gumbel_max(logits, noise, mask=torch.zeros(5, 7, dtype=torch.bool))
