"""How good a set of crystals is: validity, novelty, distributions."""
