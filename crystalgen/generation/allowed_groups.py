"""Which space groups a request allows, by number or by crystal system."""

import numpy as np
from jaxtyping import Bool

from crystalgen.generation.request import Request
from crystalgen.model.tables import N_GROUPS
from crystalgen.symmetry.wyckoff import crystal_system


def allowed_groups(request: Request) -> Bool[np.ndarray, " groups"]:
    """Whether each space group is allowed; row 0 is unused.

    >>> np.flatnonzero(allowed_groups(Request(space_groups=(225, 1)))).tolist()
    [1, 225]
    """
    groups, systems = request.space_groups, request.crystal_systems
    allowed = np.zeros(N_GROUPS + 1, dtype=bool)
    allowed[list(groups) if groups else slice(1, None)] = True
    for number in np.flatnonzero(allowed).tolist() if systems else ():
        allowed[number] = crystal_system(number) in systems
    return allowed
