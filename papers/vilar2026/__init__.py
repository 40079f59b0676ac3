"""Vilar & Saiz 2026, arXiv:2602.19775."""

from vilar2026 import channel, dimerization, oscillator, period

ITEMS = {
    "dimerization": dimerization.ITEM,
    "period": period.ITEM,
    "oscillator": oscillator.ITEM,
    "channel": channel.ITEM,
}
"""Every experiment but MNIST, which has a folder of its own."""
