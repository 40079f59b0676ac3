"""Probabilities of the float32 choice, read off its thresholds for every value of its random numbers: nothing is sampled."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jumpax._base import random, shares

BITS = 22
WORDS = np.arange(2**BITS, dtype=np.uint32)


def every_shift():
    """The shift of every value of its word; the point does not matter."""
    word = jnp.asarray(WORDS << 1)
    made = shares.chance(word, word, np.dtype(np.float32)).shift
    assert made is not None
    return np.asarray(made)


def probabilities(rates):
    """Of each channel: its part of the units, averaged over all shifts."""
    return np.mean(
        [part(rates, shift) for shift in np.split(every_shift(), 16)], 0
    )  # a hundred channels fit into memory


@jax.jit
def thresholds(rates, shift):
    """As engines have them."""
    like = [jnp.broadcast_to(rate, shift.shape) for rate in rates]
    total = shares.cumulate(like)[-1]
    return shares.thresholds(like, total, 1 / total, shares.Chance(jnp.zeros_like(shift), shift))[0]


def part(rates, shift):
    """The same, averaged over some shifts."""
    sums = thresholds(jnp.asarray(rates, jnp.float32), shift)
    base, unit = np.float32(shares.BASE), np.float32(shares.UNIT)
    units = [(np.asarray(each) - base) / unit for each in sums]  # exact: all lie between the base and twice that
    assert all((each == np.rint(each)).all() for each in units)
    assert all((low <= high).all() for low, high in itertools.pairwise([np.zeros_like(units[0]), *units]))
    per_unit = 1 / units[-1].astype(np.float64)
    return np.diff([0.0, *(each @ per_unit for each in units)]) / shift.size


@pytest.mark.parametrize(("share", "within"), [(9.6e-7, 1e-4), (1e-6, 1e-3), (1e-8, 0.05), (1e-8, 1e-3), (1e-11, 0.01)])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.fault(21)
def test_a_rare_channel_has_its_share_wherever_it_stands(share, within, place):
    rates = [0.3, 0.45, 0.25]
    rates.insert(place, share)
    found = probabilities([rate * 17.0 for rate in rates])
    exact = np.array([np.float32(17.0 * rate) for rate in rates], np.float64)
    np.testing.assert_allclose(found[place], exact[place] / exact.sum(), rtol=within)
    np.testing.assert_allclose(found, exact / exact.sum(), rtol=max(within, 1e-6))


@pytest.mark.parametrize("channels", [2, 7, 100])
def test_ordinary_channels_keep_theirs(channels):
    rates = np.random.default_rng(5).gamma(0.5, size=channels).astype(np.float32)
    exact = rates.astype(np.float64) / rates.sum(dtype=np.float64)
    np.testing.assert_allclose(probabilities(rates), exact, rtol=channels * 2.0**-21, atol=1e-12)


def test_channels_without_rate_get_nothing():
    found = probabilities([0.0, 1.0, 0.0, 0.7, 0.0])
    assert (found[[0, 2, 4]] == 0).all()
    assert (probabilities([1e-30, 0.0])[1]) == 0  # whatever the unit of time
    np.testing.assert_allclose(probabilities([1e30, 3e30]), [0.25, 0.75], rtol=1e-6)


@pytest.mark.parametrize("units", [2**BITS, 2**BITS - 3, 2**BITS + 5, 2**BITS - 100])
def test_points_fall_on_every_unit_alike(units):
    """All 2^22 points on so many units: one each, but for the few that are too many or too few."""
    words = jnp.asarray(WORDS << 10)
    point = shares.chance(words, words, np.dtype(np.float32)).point
    last = jnp.full_like(point, shares.BASE + units * shares.UNIT)
    unit = (np.asarray(shares.place(point, last)) - shares.BASE) / shares.UNIT
    assert unit.min() == 0
    assert unit.max() < units  # so that the last channel is taken only where it has units
    hits = np.bincount(unit.astype(int), minlength=units)
    assert len(hits) == units
    assert (hits != 1).sum() <= abs(units - 2**BITS)
    assert hits.max() <= 2


def test_the_three_numbers_of_an_event_are_independent():
    """Wait, point and shift of 4e5 events, in 16 x 16 x 16 cells; a chi-square test with false-alarm probability 1e-4."""

    def path(number):
        def body(stream, _):
            first, after = random.draw(stream)
            second, after = random.draw(after)
            chance = shares.chance(second, stream.c, np.dtype(np.float32))
            return after, (first, second, chance.shift)

        key = (jnp.uint32(0), jnp.uint32(12))
        return jax.lax.scan(body, random.seed(key, number, random.PATH), None, length=400)[1]

    first, second, shift = (np.asarray(x).ravel() for x in jax.jit(jax.vmap(path))(jnp.arange(1000, dtype=jnp.uint32)))
    third = ((shift / shares.UNIT + 0.5) * 16).astype(int)
    cell = ((first >> 28).astype(int) * 16 + (second >> 28)) * 16 + third
    assert stats.chisquare(np.bincount(cell, minlength=4096)).pvalue > 1e-4
    # a rare channel fires at the greatest shifts; the low bits of both words then tell nothing either
    for (word, by), bound in itertools.product(((first, 0), (first, 28), (second, 10), (second, 28)), (0.45, 0.49)):
        bins = np.bincount((word[shift / shares.UNIT > bound] >> by) & 15, minlength=16)
        assert stats.chisquare(bins).pvalue > 1e-4


def test_float64_looks_in_the_running_sums():
    with jax.enable_x64(True):
        rates = [jnp.float64(r) for r in (0.2, 0.5, 0.3)]
        chance = shares.chance(jnp.uint32(2**31), jnp.uint32(0), np.dtype(np.float64))
        sums, point = shares.thresholds(rates, jnp.asarray(1.0), None, chance)
        assert [float(s) for s in sums] == [0.2, 0.7, 1.0]
        assert float(point) == 0.5
