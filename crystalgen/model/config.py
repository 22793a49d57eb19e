"""Settings that fix the shape of the networks; saved inside every checkpoint."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Shape of the networks.

    Raises:
        ValueError: A count is not positive, or a width does not divide into heads.
    """

    width: int = 128
    """Channels of the encoder, the decoders and the other priors."""
    species_prior_width: int = 160
    """Channels of the prior over species codes, where quality is decided."""
    position_width: int = 48
    """Channels of the embedding learnt for each Wyckoff position."""
    prototype_width: int = 32
    """Channels of the embedding learnt for each known prototype."""
    heads: int = 4
    """Attention heads of every transformer block."""
    graph_layers: int = 2
    """Message-passing layers of the encoder."""
    encoder_layers: int = 2
    """Transformer blocks of the encoder, over the orbits of a crystal."""
    species_layers: int = 2
    """Transformer blocks of the species decoder."""
    geometry_layers: int = 4
    """Transformer blocks of the geometry decoder."""
    context_layers: int = 2
    """Bidirectional blocks of each code prior."""
    prior_layers: int = 3
    """Causal blocks of each code prior and of the prototype prior."""
    species_codes: tuple[int, int] = (2, 64)
    """Codes of each species role and entries of their codebooks."""
    geometry_codes: tuple[int, int] = (3, 64)
    """Codes of each orbit with free coordinates, and of each crystal as a whole, and
    entries of their codebooks."""
    code_width: int = 32
    """Channels of a codebook entry."""
    mixture_components: int = 3
    """Von Mises components of each free coordinate."""
    max_orbits: int = 20
    """Orbits of the largest crystal the networks can read or write."""
    max_roles: int = 8
    """Distinct elements of the most complex crystal the networks can read or write."""
    max_atoms: int = 20
    """Atoms in the primitive cell of the largest crystal of the training data."""
    dropout: float = 0.25
    """Drop-out of the priors."""
    prototype_dropout: float = 0.4
    """Share of training crystals whose prototype embedding is hidden."""
    relaxer_width: int = 64
    """Channels of the relaxer."""
    relaxer_layers: int = 3
    """Message-passing layers of the relaxer; 0 for none."""
    critic_width: int = 96
    """Channels of the critic."""
    critic_layers: int = 0
    """Transformer blocks of the critic, see `crystalgen teach`; 0 for none."""
    critic_dropout: float = 0.2
    """Drop-out of the critic."""
    species_temperature: float = 1.0
    """Temperature of the elements and their codes in generation, over that asked for:
    below 1 where crystals as they were learnt are more typical than those drawn."""
    geometry_dropout: float = 0.3
    """Share of training crystals whose geometry codes are hidden, so that the decoder
    also knows the most likely geometry of given species."""

    properties: tuple[str, ...] = ()
    """Columns of the training data that can be asked for and are predicted, such as
    "band_gap"; none, no networks for them."""
    condition_dropout: float = 0.4
    """Share of training crystals all of whose properties are hidden from the priors."""

    def __post_init__(self) -> None:
        for width in (self.width, self.species_prior_width):
            if width % self.heads:
                raise ValueError(f"{width=} must divide into {self.heads} heads")
        for name in ("species_codes", "geometry_codes"):
            n_codes, n_entries = getattr(self, name)
            if n_codes < 1 or n_entries < 2:
                raise ValueError(
                    f"{name} must be (codes >= 1, entries >= 2), "
                    f"got ({n_codes}, {n_entries})"
                )
        if len(set(self.properties)) < len(self.properties):
            raise ValueError(f"properties must differ, got {self.properties}")
        if not 0 < self.species_temperature <= 10:
            raise ValueError(
                f"species_temperature must be above 0 and at most 10, got "
                f"{self.species_temperature}"
            )
        if self.mixture_components < 1:
            raise ValueError(
                f"mixture_components must be positive, got {self.mixture_components}"
            )
