"""What the loop over tables is called with: arrays by name, and where single numbers are kept in them."""

from typing import TYPE_CHECKING, NamedTuple

from jumpax.engines.native.operations import Number
from jumpax.engines.tables.layout import Tables

if TYPE_CHECKING:
    from jumpax.engines.tables.kernel import Kernel as Kernel
    from jumpax.engines.tables.scores import Scores as Scores
else:  # their files import those of their parts, which name them
    Kernel = Scores = object

INT, LONG, REAL, WORD = "int32", "int64", "float64", "uint32"
STATE = {
    "counts": INT, "sums": LONG, "rates": REAL, "constants_now": REAL, "time": REAL, "words": WORD, "whole": LONG,
}  # fmt: skip
"""A run in progress; `counts` has a molecule that is always there behind the species."""
GIVEN = {
    "constants": REAL, "theta": REAL, "start_counts": INT, "keys": WORD, "first": WORD, "start": REAL, "stop_high": REAL,
    "stop_low": REAL, "stop_step": INT, "sizes": LONG, "offsets": LONG, "reaction_of": INT,
}  # fmt: skip
MADE = {"record_integers": INT, "record_reals": REAL, "ends": INT, "end_times": REAL}
PATH, INDEX, EVENTS, BUSY = range(4)
"""Entries of `whole`: path, number of its next stop, events fired, whether a path is under way."""


class Sizes(NamedTuple):
    """Entries of `sizes`."""

    species: Number
    sums: Number
    terms: Number
    """Those of rate constants."""
    parts: Number
    """Those and reactions with laws of their own."""
    leaves: Number
    nodes: Number
    constants: Number
    parameters: Number
    stops: Number
    paths: Number
    limit: Number
    budget: Number
    """Events."""
    own_constants: Number
    """1 where each path has its own, else 0; likewise the others."""
    own_theta: Number
    own_counts: Number
    own_key: Number
    own_first: Number
    steps: Number
    """Whether stops are numbers of events."""
    integers: Number
    reals: Number


KINDS = dict.fromkeys(Tables._fields, INT) | {"unit": REAL, "share": REAL, "sum_change": LONG}
"""Types of the tables."""
