"""The data of the demonstration."""

import importlib.resources

import numpy as np
import pytest

import jumpax
from jumpax.demo import GENES, load_counts


@pytest.mark.parametrize(
    ("gene", "cells", "mean", "variance"),
    [("Bmal1", 3160, 29.685, 321.05), ("Cry1", 3160, 10.691, 57.53), ("Nr1d1", 2753, 24.087, 594.02)],
)
def test_cells_means_and_variances(gene, cells, mean, variance):
    counts = load_counts(gene)
    assert len(counts) == cells
    assert counts.mean() == pytest.approx(mean, abs=5e-4)
    assert counts.var(ddof=1) == pytest.approx(variance, abs=5e-3)
    assert np.issubdtype(counts.dtype, np.integer)


def test_one_time_alone():
    assert [len(load_counts(gene, 29)) for gene in GENES] == [436, 436, 521]
    with pytest.raises(jumpax.InputError, match="no cells of Nr1d1 at 17 h; there are cells at 21, 25"):
        load_counts("Nr1d1", 17)
    with pytest.raises(jumpax.InputError, match="Did you mean 'Bmal1'"):
        load_counts("Bmal2")


def test_licence_and_source_come_with_the_data():
    folder = importlib.resources.files("jumpax.demo") / "data"
    assert "Apache License" in (folder / "LICENSE").read_text(encoding="utf-8")
    told = (folder / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "naef-lab/CircadianSMFISH" in told
    assert all(gene.file in told for gene in GENES.values())
