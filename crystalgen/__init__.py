"""Generate symmetric crystal structures with a discrete variational autoencoder."""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Condition",
    "DecorationRequest",
    "Generator",
    "Request",
    "__version__",
    "decorate",
    "to_dataframe",
]

if TYPE_CHECKING:
    from crystalgen.decoration import DecorationRequest, decorate
    from crystalgen.generation import Condition, Generator, Request, to_dataframe
else:

    def __getattr__(name: str) -> object:
        """Import the generator when it is first asked for: torch costs seconds."""
        if name in ("Condition", "Generator", "Request", "to_dataframe"):
            from crystalgen import generation

            return getattr(generation, name)
        if name in ("DecorationRequest", "decorate"):
            from crystalgen import decoration

            return getattr(decoration, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
