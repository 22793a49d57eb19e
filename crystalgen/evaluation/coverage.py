"""How well a sample covers a reference: COV-R and COV-P of CDVAE.

A crystal is covered if some crystal of the other set has a similar structure, and some
crystal, maybe another, a similar composition (Xie et al., ICLR 2022, appendix; after Xu
et al., 2021, arXiv:2105.07246). Structures are similar if their mean CrystalNN
fingerprints are (Zimmermann and Jain, RSC Adv. 10, 6063, 2020), compositions if their
Magpie features are (Ward et al., npj Comput. Mater. 2, 16028, 2016).

CDVAE scales the features by constants of its own; here they are scaled by their mean
and deviation over the reference. Both fingerprints are matminer's, which is in the
extra `evaluate` and is imported when used.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float
from pymatgen.core import Structure
from scipy.spatial.distance import cdist

from crystalgen.errors import EvaluationError

if TYPE_CHECKING:
    from matminer.featurizers.composition import ElementProperty
    from matminer.featurizers.site import CrystalNNFingerprint


class Cutoffs(NamedTuple):
    """Distances of fingerprints below which crystals are similar."""

    structure: float
    composition: float


CUTOFFS = {
    "mp-20": Cutoffs(0.4, 10.0),
    "perov-5": Cutoffs(0.2, 4.0),
    "carbon-24": Cutoffs(0.2, 4.0),
}
"""Those of CDVAE, by data set."""


class Fingerprint(NamedTuple):
    """What similarity is judged by."""

    structure: Float[np.ndarray, " structural"]
    composition: Float[np.ndarray, " compositional"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Shares of crystals that are covered, 0 to 1."""

    cutoffs: Cutoffs
    n_sample: int
    n_reference: int
    recall: float
    """COV-R: of the reference, by the sample."""
    precision: float
    """COV-P: of the sample, by the reference."""


def fingerprint(structure: Structure) -> Fingerprint | None:
    """Fingerprint of a crystal; None if its neighbours cannot be found.

    Raises:
        EvaluationError: The extra `evaluate` is not installed.
    """
    of_sites, of_composition = featurizers()
    with warnings.catch_warnings():
        # of elements without a radius or an electronegativity: no news here
        warnings.simplefilter("ignore")
        try:
            sites = [
                of_sites.featurize(structure, site) for site in range(len(structure))
            ]
            features = of_composition.featurize(structure.composition)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
            return None
    found = Fingerprint(np.mean(sites, axis=0), np.array(features, dtype=np.float64))
    return found if all(np.isfinite(part).all() for part in found) else None


def coverage(
    sample: Sequence[Fingerprint | None],
    reference: Sequence[Fingerprint | None],
    cutoffs: Cutoffs,
) -> Coverage:
    """Compare two sets; a crystal of the sample without a fingerprint is not covered.

    Raises:
        EvaluationError: No crystal of one of the sets has a fingerprint.
    """
    ours = [each for each in sample if each is not None]
    theirs = [each for each in reference if each is not None]
    if not ours or not theirs:
        raise EvaluationError(
            f"coverage: {len(ours)} of {len(sample)} crystals and {len(theirs)} of"
            f" {len(reference)} of the reference have fingerprints; expected at least"
            " one of each; leave --coverage out"
        )
    centre = np.mean([each.composition for each in theirs], axis=0)
    spread = np.std([each.composition for each in theirs], axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    structural = cdist(
        [each.structure for each in ours], [each.structure for each in theirs]
    )
    compositional = cdist(
        [(each.composition - centre) / spread for each in ours],
        [(each.composition - centre) / spread for each in theirs],
    )
    of_reference, of_sample = (
        (structural.min(axis=axis) <= cutoffs.structure)
        & (compositional.min(axis=axis) <= cutoffs.composition)
        for axis in (0, 1)
    )
    return Coverage(
        cutoffs=cutoffs,
        n_sample=len(sample),
        n_reference=len(theirs),
        recall=float(of_reference.mean()),
        precision=float(of_sample.sum() / len(sample)),
    )


@lru_cache(maxsize=1)
def featurizers() -> "tuple[CrystalNNFingerprint, ElementProperty]":
    """Build matminer's featurizers, once per process.

    Raises:
        EvaluationError: The extra `evaluate` is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecated ways inside matminer
        try:
            from matminer.featurizers.composition import ElementProperty
            from matminer.featurizers.site import CrystalNNFingerprint
        except ImportError as error:
            raise EvaluationError(
                "coverage needs matminer, which is not installed; "
                'pip install "crystalgen-dvae[evaluate]"'
            ) from error
        return (
            CrystalNNFingerprint.from_preset("ops"),
            ElementProperty.from_preset("magpie", impute_nan=False),
        )
