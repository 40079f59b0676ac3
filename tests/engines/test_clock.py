"""The clock: long sums in float32, late windows, right-continuity."""

import fractions

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jumpax
from jumpax._base import clock

ARRIVALS = jumpax.Network([jumpax.Reaction("∅ -> X", jumpax.MassAction("k"))])
PRECISIONS = ["float32", "float64"]


@pytest.mark.fault(12)
def test_a_million_waits_in_float32_end_at_a_thousand():
    @jax.jit
    def end(wait):
        zero = jnp.zeros(8, jnp.float32)
        return jax.lax.fori_loop(0, 1_000_000, lambda _, time: clock.add(time, wait), clock.Time(zero, zero))

    high, low = end(jnp.full(8, 1e-3, jnp.float32))
    np.testing.assert_allclose(np.float64(high) + np.float64(low), 1000.0, rtol=1e-6)


numbers = st.floats(0.0, 1e6, width=32)


@settings(deadline=None, max_examples=200)
@given(numbers, numbers, numbers)
def test_pairs_are_normalised_and_ordered(high, wait, other):
    time = clock.add(clock.Time(np.float32(high), np.float32(0)), np.float32(wait))
    exact = np.float64(np.float32(high)) + np.float64(np.float32(wait))
    assert abs(np.float64(time.high) + np.float64(time.low) - exact) <= 2.0**-47 * exact
    assert np.float32(time.high + time.low) == time.high
    stop = clock.split(np.float64(np.float32(other)), np.dtype(np.float32))
    held = fractions.Fraction(float(time.high)) + fractions.Fraction(float(time.low))
    assert bool(clock.not_after(time, stop)) == (held <= fractions.Fraction(float(np.float32(other))))
    assert fractions.Fraction(float(clock.join(time))) >= held


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.fault(12)
def test_a_late_window_fires_as_many_events_as_an_early_one(precision):
    """Mean of 64 Poisson counts of mean 8,000; |z| < 5 fails by chance with probability 6e-7."""
    paths = jumpax.simulate(ARRIVALS, {"k": 2000.0}, {"X": 0}, times=1e5 + 4, start=1e5, paths=64, key=1,
                            precision=precision)  # fmt: skip
    assert abs(paths.events.mean() - 8000) < 5 * np.sqrt(8000 / 64)
    assert (paths.status == jumpax.Status.REACHED).all()
    assert ((paths.end_times > 1e5 + 3.9) & (paths.end_times <= 1e5 + 4)).all()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("start", [0.0, 1000.0])
@pytest.mark.fault(15)
def test_the_state_at_the_time_of_an_event_includes_it(precision, start):
    options = {"paths": 1, "key": 5, "precision": precision, "start": start}
    logged = jumpax.simulate(ARRIVALS, {"k": 40.0}, {"X": 0}, times=start + 10, record=jumpax.Events(), **options)
    times = logged.log.times
    assert len(times) > 300
    at = jumpax.simulate(ARRIVALS, {"k": 40.0}, {"X": 0}, times=times, **options)
    np.testing.assert_array_equal(at["X"][0], np.arange(1, len(times) + 1))
    between = (times + np.append(start, times[:-1])) / 2
    before = jumpax.simulate(ARRIVALS, {"k": 40.0}, {"X": 0}, times=between, **options)
    np.testing.assert_array_equal(before["X"][0], np.arange(len(times)))


@pytest.mark.parametrize("start", [0.0, 12.5])
@pytest.mark.fault(13)
def test_the_start_is_a_stop_like_others(start):
    paths = jumpax.simulate(ARRIVALS, {"k": 3.0}, {"X": 7}, times=[start, start + 1], start=start, paths=50, key=2)
    assert (paths["X"][:, 0] == 7).all()
    only = jumpax.simulate(ARRIVALS, {"k": 3.0}, {"X": 7}, times=start, start=start, paths=50, key=2)
    assert (only["X"] == 7).all()
    assert (only.events == 0).all()
