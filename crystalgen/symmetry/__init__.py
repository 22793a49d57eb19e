"""Space groups, Wyckoff positions and detection. Knows no tokens and no networks."""
