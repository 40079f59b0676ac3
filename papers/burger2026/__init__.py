"""Burger, Kofler, Heinrich & Gerland 2026, arXiv:2604.02121."""

from burger2026 import exact, fig2, fig3, fig4, fig5, fig6, figx

ITEMS = {
    "exact": exact.ITEM,
    "figx": figx.ITEM,
    "fig2": fig2.ITEM,
    "fig3": fig3.ITEM,
    "fig4": fig4.ITEM,
    "fig5": fig5.ITEM,
    "fig6": fig6.ITEM,
}
"""Every figure and table, in the order of the protocol."""
