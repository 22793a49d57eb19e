"""What the codes of crystals mean: read them, turn them, walk between crystals.

Knows trained weights and crystals. Does not know where crystals come from, nor files.
"""

from crystalgen.latent.interpolation import interpolate
from crystalgen.latent.labels import facts_of
from crystalgen.latent.mapping import latent_map
from crystalgen.latent.reading import read_codes
from crystalgen.latent.traversal import traverse

__all__ = ["facts_of", "interpolate", "latent_map", "read_codes", "traverse"]
