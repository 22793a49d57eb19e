"""Are the elements of a crystal a plausible compound? The SMACT test of CDVAE.

Davies et al., Chem 1, 617 (2016), as CDVAE applies it (Xie et al., ICLR 2022,
``smact_validity`` in its ``eval_utils.py``): elements and alloys pass; else one
oxidation state per element must make the formula neutral, with the anions more
electronegative than the cations. The states are those of the installed SMACT, so that
figures of SMACT 2 and of SMACT 4 differ a little.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import smact
from pymatgen.core import Composition
from smact.screening import pauling_test


def is_smact_valid(composition: Composition) -> bool:
    """Whether the formula passes the SMACT test; unknown elements do not.

    >>> [is_smact_valid(Composition(each)) for each in ("NaCl", "NaCl2", "NiAl")]
    [True, False, True]
    """
    counts = {
        symbol: round(count)
        for symbol, count in composition.reduced_composition.get_el_amt_dict().items()
    }
    if len(counts) == 1 or set(counts) <= set(smact.metals):
        return True
    try:
        elements = list(smact.element_dictionary(list(counts)).values())
    except (NameError, KeyError):  # SMACT has no such element
        return False
    states = [element.oxidation_states or [] for element in elements]
    electronegativities = [element.pauling_eneg for element in elements]
    return any(
        _follows_pauling(chosen, electronegativities)
        for chosen in _neutral(states, list(counts.values()))
    )


def _follows_pauling(
    states: Sequence[int], electronegativities: Sequence[float | None]
) -> bool:
    return bool(pauling_test(states, electronegativities))


def _neutral(
    states: Sequence[Sequence[int]], counts: Sequence[int]
) -> Iterator[tuple[int, ...]]:
    """Choices of one state per element whose charges add up to zero."""
    *rest, last = states
    for chosen in product(*rest):
        charge = sum(n * state for n, state in zip(counts, chosen, strict=False))
        if charge % counts[-1] == 0 and -charge // counts[-1] in last:
            yield (*chosen, -charge // counts[-1])
