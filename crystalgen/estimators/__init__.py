"""Reparameterized draws and temperature schedules. Knows no crystals."""
