"""What `ablation.py` compares: the full model, and the same without one part."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace

import torch

from crystalgen.estimators.gumbel_softmax import Relaxation
from crystalgen.estimators.schedules import TemperatureSchedule
from crystalgen.evaluation.validity import Verdict, judge
from crystalgen.generation.request import Request
from crystalgen.generation.sampling import Sampling
from crystalgen.generation.weights import Weights
from crystalgen.representation.crystal import SymmetricCrystal
from crystalgen.training.run import RunConfig
from raw_draws import raw_draws


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A model to train."""

    meaning: str
    """What differs from the full model."""
    config: RunConfig
    """Its settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A way to draw from the full model."""

    meaning: str
    """What differs from raw draws."""
    has_prior: bool
    """Draw codes from the prior, not uniformly."""
    has_checks: bool
    """Draw again what fails a check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A crystal that was drawn, with its verdict; None where it has no geometry."""

    crystal: SymmetricCrystal | None
    verdict: Verdict | None


def trained_variants(base: RunConfig) -> Mapping[str, Variant]:
    """Models to train, by name; each differs from the first in one part alone."""
    model, objective = base.model, base.objective
    code, species = objective.code_temperature, objective.species_temperature
    one_code, one_geometry = (1, model.species_codes[1]), (1, model.geometry_codes[1])
    return {
        "full": Variant(meaning="full model", config=base),
        "no-relaxation": Variant(
            meaning="species not relaxed: the geometry does not train their logits",
            config=replace(base, objective=replace(objective, detach_species=True)),
        ),
        "straight-through": Variant(
            meaning="species straight through instead of soft",
            config=_relaxed(base, Relaxation.STRAIGHT_THROUGH, species),
        ),
        "gumbel-rao": Variant(
            meaning="species straight through, gradients averaged over noise",
            config=_relaxed(base, Relaxation.GUMBEL_RAO, species),
        ),
        "reinmax": Variant(
            meaning="species one-hot, gradients by ReinMax at temperature 1",
            config=_relaxed(
                base, Relaxation.REINMAX, TemperatureSchedule(start=1.0, end=1.0)
            ),
        ),
        "no-balance": Variant(
            meaning="no pressure on drawn compositions to balance charges",
            config=replace(base, objective=replace(objective, balance_weight=0.0)),
        ),
        "fixed-high": Variant(
            meaning=f"temperatures fixed at {code.start:g} and {species.start:g}",
            config=_at_temperatures(base, code.start, species.start),
        ),
        "fixed-low": Variant(
            meaning=f"temperatures fixed at {code.end:g} and {species.end:g}",
            config=_at_temperatures(base, code.end, species.end),
        ),
        "fewer-codes": Variant(
            meaning=f"one code of {one_code[1]} for species, one of "
            f"{one_geometry[1]} for geometry",
            config=replace(
                base,
                model=replace(
                    model, species_codes=one_code, geometry_codes=one_geometry
                ),
            ),
        ),
    }


DRAWINGS: Mapping[str, Drawing] = {
    "no-prior": Drawing(
        meaning="full model, codes drawn uniformly", has_prior=False, has_checks=False
    ),
    "with-checks": Drawing(
        meaning="full model, drawn with the default checks",
        has_prior=True,
        has_checks=True,
    ),
}
"""Ways to draw from the full model, by name."""


def drawn(drawing: Drawing, weights: Weights, *, n: int, seed: int) -> Iterator[Draw]:
    """Crystals of the full model; with checks only those that pass and are unique."""
    if not drawing.has_prior:
        weights = without_priors(weights)
    if drawing.has_checks:
        for each in Sampling(weights=weights, request=Request(n=n), seed=seed):
            yield Draw(crystal=each.crystal, verdict=judge(each.structure))
        return
    for raw in raw_draws(weights, n=n, seed=seed):
        candidate = raw.outcome.candidate
        yield Draw(
            crystal=None if candidate is None else candidate.crystal,
            verdict=raw.verdict,
        )


def without_priors(weights: Weights) -> Weights:
    """Networks whose priors give every code the same probability."""
    networks = deepcopy(weights.networks)
    with torch.no_grad():
        for prior in (networks.species_prior, networks.geometry_prior):
            prior.codes.readout.zero_()
    return replace(weights, networks=networks)


def _relaxed(
    base: RunConfig, relaxation: Relaxation, schedule: TemperatureSchedule
) -> RunConfig:
    """The same run with species drawn in another way."""
    objective = replace(
        base.objective, species_relaxation=relaxation, species_temperature=schedule
    )
    return replace(base, objective=objective)


def _at_temperatures(base: RunConfig, code: float, species: float) -> RunConfig:
    """The same run without annealing."""
    objective = replace(
        base.objective,
        code_temperature=TemperatureSchedule(start=code, end=code),
        species_temperature=TemperatureSchedule(start=species, end=species),
    )
    return replace(base, objective=objective)
