"""Mottes, Zhu & Brenner 2026, arXiv:2601.14183."""

from mottes2026 import distributions, moments, stl1, thermodynamics_asep, thermodynamics_front, thermodynamics_ring

ITEMS = {
    "moments": moments.ITEM,
    "distributions": distributions.ITEM,
    "stl1": stl1.ITEM,
    "ring": thermodynamics_ring.ITEM,
    "asep": thermodynamics_asep.ITEM,
    "front": thermodynamics_front.ITEM,
}
"""Every experiment, in the order of the paper."""
