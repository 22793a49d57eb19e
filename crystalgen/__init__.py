"""Generate symmetric crystal structures with a discrete variational autoencoder."""

__version__ = "0.1.0"
