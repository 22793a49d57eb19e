"""Crystals into files that other programs read: CIF, POSCAR, extxyz, JSON.

Knows file formats and the layout of a run folder. Does not know how the crystals
came about.
"""
