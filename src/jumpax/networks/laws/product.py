"""Propensities that are a rate constant times numbers of molecules."""

from dataclasses import dataclass
from typing import Any, final


@final
@dataclass(frozen=True)
class Product:
    """`factor * constant * prod_i x_i (x_i - 1) ... (x_i - n_i + 1)`: what mass action is made of.

    Args:
        factor: a number.
        constant: what parameters bring: the name of one, an expression of several, or None.
        takes: species with the number of molecules of each, n_i.
    """

    factor: float
    constant: Any
    takes: tuple[tuple[str, int], ...]
