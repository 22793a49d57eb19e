"""Where elements stand in the periodic table, in numbers that can be compared.

By atomic number alone; electronegativities are Pauling's, from the table of
`crystalgen.representation.metallicity`.
"""

from functools import lru_cache

import numpy as np
from jaxtyping import Float64

from crystalgen.representation.elements import SYMBOLS
from crystalgen.representation.metallicity import element_facts

NOBLE_GASES = (2, 10, 18, 36, 54, 86, 118)
"""Atomic numbers at which the rows end."""
USUAL_ELECTRONEGATIVITY = 1.5
"""Stands for those that are not known."""
STEPS = (0.6, 1.5, 5.0)
"""Differences of electronegativity, row and group that matter about as much."""


def row_of(number: int) -> int:
    """Row of an element, 1 to 7, by its atomic number, 1 to 118.

    Lanthanides and actinides are in rows 6 and 7.

    >>> row_of(1), row_of(26), row_of(58)
    (1, 4, 6)
    """
    return 1 + sum(number > last for last in NOBLE_GASES)


def group_of(number: int) -> int:
    """Group of an element, 1 to 18, by its atomic number, 1 to 118.

    Lanthanides and actinides are in group 3.

    >>> group_of(2), group_of(13), group_of(26), group_of(58), group_of(72)
    (18, 13, 8, 3, 4)
    """
    row = row_of(number)
    place = number - (NOBLE_GASES[row - 2] if row > 1 else 0)
    length = NOBLE_GASES[row - 1] - number + place
    if place <= 2 and number != 2:
        return place
    from_the_end = length - place
    return max(3, 18 - from_the_end)


@lru_cache(maxsize=1)
def element_places() -> Float64[np.ndarray, "species 3"]:
    """Electronegativity, row and group of each element, in `STEPS`; row 0 is unused.

    Returns:
        An array that is shared, and therefore cannot be written to.
    """
    facts = element_facts()
    places = np.zeros((len(SYMBOLS) + 1, len(STEPS)))
    for number in range(1, len(places)):
        known = facts[number].electronegativity if number in facts else None
        value = USUAL_ELECTRONEGATIVITY if known is None else known
        places[number] = value, row_of(number), group_of(number)
    places /= STEPS
    places.flags.writeable = False
    return places
