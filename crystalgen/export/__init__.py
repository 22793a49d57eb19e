"""Crystals into files that other programs read: CIF, POSCAR, extxyz."""
