"""What the codes of crystals mean: read them, turn them, walk between crystals.

Knows trained weights and crystals. Does not know where crystals come from, nor files.
"""
