"""What the loop over tables is called with: arrays by name, and where single numbers are kept in them."""

from typing import Any, NamedTuple

from jumpax.engines.tables.layout import Tables

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

    species: Any
    sums: Any
    terms: Any
    """Those of rate constants."""
    parts: Any
    """Those and reactions with laws of their own."""
    leaves: Any
    nodes: Any
    constants: Any
    parameters: Any
    stops: Any
    paths: Any
    limit: Any
    budget: Any
    """Events."""
    own_constants: Any
    """1 where each path has its own, else 0; likewise the others."""
    own_theta: Any
    own_counts: Any
    own_key: Any
    own_first: Any
    steps: Any
    """Whether stops are numbers of events."""
    integers: Any
    reals: Any


KINDS = dict.fromkeys(Tables._fields, INT) | {"unit": REAL, "share": REAL, "sum_change": LONG}
"""Types of the tables."""
