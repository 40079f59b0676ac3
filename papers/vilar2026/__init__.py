"""Vilar & Saiz 2026, arXiv:2602.19775."""

from vilar2026 import channel, dimerization, oscillator, period
from vilar2026.mnist import item as mnist

ITEMS = {
    "dimerization": dimerization.ITEM,
    "period": period.ITEM,
    "oscillator": oscillator.ITEM,
    "channel": channel.ITEM,
    "mnist": mnist.ITEM,
}
"""Every experiment but MNIST, which has a folder of its own."""
