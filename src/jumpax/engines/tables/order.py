"""The order in which the loop over tables looks for the reaction that fires."""

import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jumpax.engines.tables.layout import layout_of
from jumpax.networks import Network


class Order(NamedTuple):
    """Parts of the total propensity, one after the other."""

    reactions: Int[np.ndarray, " parts"]
    fractions: Float[np.ndarray, " parts"]
    """Of the propensity of the reaction: 1, or 1/2 where two molecules of one kind are looked for in both orders."""


@functools.lru_cache(maxsize=32)
def order_of(network: Network) -> Order:
    """The order of a network: by rate constant, by reactant on the left, by reactant on the right; other laws last."""
    layout = layout_of(network)
    reactions = np.concatenate([layout.tables.reaction, np.array(layout.laws, np.int64)]).astype(np.int64)
    return Order(reactions, 1.0 / np.bincount(reactions)[reactions])
