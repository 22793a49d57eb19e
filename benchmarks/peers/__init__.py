"""Sets of crystals to be judged side by side, each by its own recipe.

Every set ends as bare atoms, so that the judge knows nothing of where it comes from.
"""
