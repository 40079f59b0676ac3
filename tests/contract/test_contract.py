"""The contract of engines: `xla` and `cpu` follow `reference` path by path, and a path does not depend on its folds.

All engines read the same random words and must take the same decisions. They may round a propensity differently by a
few units in the last place (XLA may contract a product and a sum; the printed loops of `cpu` may not), so a decision could differ when a uniform number
falls between the two roundings: in float32 with probability below 4 * 16 * 2^-24 an event (16 reactions, 4 units). The
float32 half of the table fires about 2,000 events, so that one path would part with probability below 1 %; no path is
allowed to.
"""

import functools

import jax
import numpy as np
import pytest

import jumpax
from tables import FOLDS, HORIZONS, run, same_paths

ENGINES = ("xla", "cpu")
ALL = tuple(FOLDS)
"""All folds side by side, in one program to save compilation; `FirstPassage` does not end a path in such company."""
SOME = ("TimeAverages", "ReactionCounts", "FirstPassage", "Score", "Tangent", "Capped")
"""Those that every network is tried with in every run of the tests; the others with `-m long`."""
ON_XLA = ("birth_death", "telegraph", "sir", "driven_ring")
"""Networks that are tried on `xla` in every run of the tests; on `cpu`, the default engine, all of them are."""
WITH_ALL = ("birth_death", "association", "telegraph")
"""Networks that are tried with all folds in every run of the tests."""
ENDING = ("FirstPassage",)
IN_FLOAT64 = ("telegraph",)
"""Tried in float64 as well, in every run of the tests; the others with `-m long`."""
cached = functools.cache(run)


def folds_for(name):
    return ALL if name in WITH_ALL else SOME


def test_the_table_is_complete():
    assert set(HORIZONS) == set(jumpax.zoo.MODELS)


def close(ours, theirs, precision, name):
    """Records: integers are equal, real numbers agree up to rounding.

    The tolerance, 1,000 units in the last place of the largest entry, is far above the rounding of sums of some twenty
    terms and far below any one of the terms: one that is missing or doubled shifts the record by some per cent.
    """
    mine, other = jax.tree.leaves(ours), jax.tree.leaves(theirs)
    assert len(mine) == len(other) > 0
    for a, b in zip(mine, other, strict=True):
        assert a.dtype == b.dtype
        if np.issubdtype(a.dtype, np.floating):
            assert a.dtype == precision
            scale = np.nanmax(np.abs(b), initial=0.0)
            np.testing.assert_allclose(a, b, rtol=0, atol=1000 * np.finfo(precision).eps * scale, err_msg=name)
        else:
            np.testing.assert_array_equal(a, b, err_msg=name)


def follows(name, folds, precision, engine, **options):
    ours, theirs = (cached(name, folds, precision, e, **options) for e in (engine, "reference"))
    assert theirs.events.sum() > 0
    for field in ("counts", "events", "status", "end_counts"):
        np.testing.assert_array_equal(getattr(ours, field), getattr(theirs, field), err_msg=field)
    # a sum of positive waits has the relative error of one wait: some roundings of propensities and of a division
    np.testing.assert_allclose(ours.end_times, theirs.end_times, rtol=8 * np.finfo(precision).eps)
    for fold, mine, other in zip(folds, ours.records, theirs.records, strict=True):
        close(mine, other, precision, fold)


def rows(on_cpu):
    """Engine and network; those that are not in every run are `long`."""
    return [
        pytest.param(engine, name, marks=[] if name in (ON_XLA if engine == "xla" else on_cpu) else pytest.mark.long)
        for name in HORIZONS
        for engine in ENGINES
    ]


@pytest.mark.parametrize(("engine", "name"), rows(HORIZONS))
def test_engine_follows_reference(name, engine):
    follows(name, folds_for(name), "float32", engine)


@pytest.mark.filterwarnings("ignore:Compilation of .* will take about:jumpax.JumpaxWarning")  # all folds at once
@pytest.mark.long
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", HORIZONS)
def test_engine_follows_reference_with_all_folds(name, engine, precision):
    follows(name, ALL, precision, engine)
    jax.clear_caches()


@pytest.mark.parametrize(
    "name", [name if name in IN_FLOAT64 else pytest.param(name, marks=pytest.mark.long) for name in HORIZONS]
)
@pytest.mark.parametrize("engine", ENGINES)
def test_engine_follows_reference_in_float64(name, engine):
    follows(name, folds_for(name), "float64", engine)


@pytest.mark.parametrize(("engine", "name"), rows(ON_XLA))
def test_engine_follows_reference_when_a_fold_ends_the_path(name, engine):
    follows(name, ENDING, "float32", engine)


@pytest.mark.long
@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("name", HORIZONS)
@pytest.mark.parametrize("engine", ENGINES)
def test_engine_follows_reference_fold_by_fold(name, precision, fold, engine):
    follows(name, (fold,), precision, engine, paths=8)
    jax.clear_caches()  # see conftest.py: the table alone has more programs than fit


@pytest.mark.parametrize(("engine", "name"), rows(ON_XLA))
def test_paths_do_not_depend_on_folds(name, engine):
    plain = run(name, (), "float32", engine)
    same_paths(plain, cached(name, folds_for(name), "float32", engine))
    held = cached(name, ENDING, "float32", engine)
    going = held.status != jumpax.Status.DONE
    np.testing.assert_array_equal(held.counts[going], plain.counts[going])


@pytest.mark.parametrize("name", IN_FLOAT64)
@pytest.mark.parametrize("engine", ENGINES)
def test_paths_do_not_depend_on_folds_in_float64(name, engine):
    same_paths(run(name, (), "float64", engine), cached(name, folds_for(name), "float64", engine))


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("engine", ENGINES)
def test_engine_follows_reference_to_steps(precision, engine):
    follows("lotka_volterra", ("TimeAverages", "ReactionCounts", "Score"), precision, engine, steps=(0, 1, 7, 20))
