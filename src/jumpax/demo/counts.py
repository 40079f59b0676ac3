"""Transcripts counted in single cells."""

import csv
import gzip
import importlib.resources
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from jumpax._base.errors import InputError, unknown_name


class Gene(NamedTuple):
    """Where the counts of a gene are."""

    file: str
    column: str
    also_in: str = ""
    """Another file with the same gene, which is not used."""


GENES: dict[str, Gene] = {
    "Bmal1": Gene("smFISH_BC.csv.gz", "Counts Bmal1"),
    "Cry1": Gene("smFISH_BC.csv.gz", "Counts Cry1", "smFISH_RC.csv.gz"),
    "Nr1d1": Gene("smFISH_RC.csv.gz", "Counts Nr1d1"),
}
"""Cry1 was counted in both experiments; the one with more cells and times is taken."""
TIME = "Time"


def load_counts(gene: str, time: float | None = None) -> Int[np.ndarray, " cells"]:
    """Transcripts per cell, in molecules: of all times together, or of one.

    Args:
        gene: one of `GENES`.
        time: in hours of the circadian experiment; None: all.

    Raises:
        InputError: an unknown gene, or a time without cells.

    Examples:
        >>> len(load_counts("Bmal1")), len(load_counts("Bmal1", 29))
        (3160, 436)
    """
    if gene not in GENES:
        raise InputError(unknown_name("gene", gene, GENES))
    place = GENES[gene]
    packed = (importlib.resources.files("jumpax.demo") / "data" / place.file).read_bytes()
    rows = list(csv.DictReader(gzip.decompress(packed).decode("utf-8").splitlines()))
    when = np.array([float(row[TIME]) for row in rows])
    counts = np.array([float(row[place.column]) for row in rows]).astype(np.int64)
    if time is None:
        return counts
    if not (when == time).any():
        known = ", ".join(f"{t:g}" for t in np.unique(when))
        raise InputError(f"no cells of {gene} at {time:g} h; there are cells at {known} h")
    return counts[when == time]
