"""Elements on the sites of a lattice that the user gives."""

from crystalgen.decoration.decorating import Decorating, Decoration, decorate
from crystalgen.decoration.request import DecorationRequest

__all__ = ["Decorating", "Decoration", "DecorationRequest", "decorate"]
