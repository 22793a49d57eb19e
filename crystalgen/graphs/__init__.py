"""Periodic crystal graphs, reduced to one node for each orbit.

Knows lattices and positions; knows no species, no files and no networks.
"""

from crystalgen.graphs.quotient import QuotientGraph, quotient_graph
from crystalgen.graphs.table import GraphTable

__all__ = ["GraphTable", "QuotientGraph", "quotient_graph"]
