"""Crystals as a group, orbits and free parameters, and back."""
