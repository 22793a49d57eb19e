"""Roles: which orbits of a host take one element together, and which elements.

An assignment is a tuple with an atomic number for each role.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from crystalgen.decoration.host import Host
from crystalgen.decoration.request import DecorationRequest, Sharing
from crystalgen.errors import RequestError
from crystalgen.representation.elements import ATOMIC_NUMBERS, SYMBOLS

Assignment = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """Roles of the orbits of a host."""

    role_of_orbit: tuple[int, ...]
    """Role of each orbit, in order of first appearance."""
    before: tuple[int, ...]
    """Atomic number of each role in the host."""
    options: tuple[tuple[int, ...], ...]
    """Elements that each role may hold; its own alone where it is frozen."""
    is_open: tuple[bool, ...]
    sizes: tuple[int, ...]
    """Atoms of each role."""
    sharing: Sharing

    @property
    def open_roles(self) -> tuple[int, ...]:
        """Roles that get elements."""
        return tuple(role for role, is_open in enumerate(self.is_open) if is_open)

    def of_orbits(self, assignment: Assignment) -> tuple[int, ...]:
        """Element of each orbit."""
        return tuple(assignment[role] for role in self.role_of_orbit)

    def is_allowed(self, assignment: Assignment) -> bool:
        """Whether elements that differ in the host differ still.

        Sites may come to share an element only if they are decorated apart. So the
        symmetry of the host is that of its decorations.
        """
        if self.sharing == "apart":
            return True
        pairs = set(zip(assignment, self.before, strict=True))
        return len({new for new, _ in pairs}) == len(pairs)


def choose_sites(
    host: Host, request: DecorationRequest, elements: Sequence[int]
) -> Sites:
    """Find the open sites of a host.

    Args:
        host: The lattice.
        request: What was asked for.
        elements: Atomic numbers that the model knows.

    Raises:
        RequestError: The host has no such sites, nothing is open, or the model does
            not know an element asked for.
    """
    opened = _opened(host, request)
    options = _options(request, elements)
    keys: dict[tuple[int, bool, int], int] = {}
    role_of_orbit = []
    for orbit, (number, is_open) in enumerate(zip(host.species, opened, strict=True)):
        is_alone = is_open and request.sharing == "apart"
        key = (number, is_open, orbit if is_alone else -1)
        role_of_orbit.append(keys.setdefault(key, len(keys)))
    sizes = [0] * len(keys)
    for role, size in zip(role_of_orbit, host.sizes, strict=True):
        sizes[role] += size
    return Sites(
        role_of_orbit=tuple(role_of_orbit),
        before=tuple(number for number, _, _ in keys),
        options=tuple(options if is_open else (number,) for number, is_open, _ in keys),
        is_open=tuple(is_open for _, is_open, _ in keys),
        sizes=tuple(sizes),
        sharing=request.sharing,
    )


def _opened(host: Host, request: DecorationRequest) -> list[bool]:
    symbols = [SYMBOLS[number - 1] for number in host.species]
    for option, names in (("site", request.sites), ("keep", request.keep)):
        for name in names:
            known = {*symbols, *(host.labels if option == "site" else ())}
            if name not in known:
                raise RequestError(
                    f"{option}: got {name!r}, which the host does not have; its sites "
                    f"are {host.description}"
                )
    wanted = set(request.sites) or set(symbols)
    opened = [
        bool({symbol, label} & wanted) and symbol not in request.keep
        for symbol, label in zip(symbols, host.labels, strict=True)
    ]
    if not any(opened):
        raise RequestError(
            f"sites: none is left open of {host.description}; keep fewer elements"
        )
    return opened


def _options(request: DecorationRequest, elements: Sequence[int]) -> tuple[int, ...]:
    if not request.elements:
        return tuple(elements)
    asked = sorted({ATOMIC_NUMBERS[symbol] for symbol in request.elements})
    for number in asked:
        if number not in elements:
            raise RequestError(
                f"elements: got {SYMBOLS[number - 1]!r}, which no training crystal of "
                "these weights holds; leave it out, or choose other weights with "
                "--checkpoint"
            )
    return tuple(asked)
