"""How good a set of crystals is: validity, distributions, novelty.

Knows published metrics and how to apply them to pymatgen structures. Does not
know where the structures come from, nor prints anything.
"""
