"""Control variates: what they are made of, that they move no mean, and that every guard refuses.

Seeds were fixed before looking. The z test on controls looks at 96 numbers: false-alarm rate 96 * 6e-5 = 0.6 %.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.engines.program import Times
from jumpax.folds.martingale import Martingale, independent_species
from jumpax.gradients import martingale
from jumpax.gradients.chunk import Chunk
from jumpax.gradients.coupled_difference import _Pairs

PATHS, CONTROLS = 2000, 8
controlled = jax.jit(martingale.controlled)


def _made(paths=600, controls=3, slope=2.0):
    """Contributions that follow the first control, with noise; normal controls; `paths` rows are sound."""
    rng = np.random.default_rng(20261120)
    m = rng.standard_normal((PATHS, 1, CONTROLS)) * (np.arange(CONTROLS) < controls)
    g = 5.0 + slope * m[:, :, :1, None] + rng.standard_normal((PATHS, 1, 1, 2))
    return jnp.asarray(g, jnp.float32), jnp.asarray(m, jnp.float32), jnp.arange(PATHS) < paths


def _moved(g, m, sound):
    """What is subtracted from sound rows."""
    assert m.shape == (PATHS, 1, CONTROLS)
    return np.asarray(g - controlled(g, m, sound))[np.asarray(sound)]


def test_variance_falls_to_what_the_controls_leave():
    g, m, sound = _made()
    out = np.asarray(controlled(g, m, sound))[:600]
    assert np.allclose(out.var(0), 1.0, rtol=0.25)  # noise alone; 5 before; relative error of a variance 6 %
    assert np.all(out.var(0) < 0.7 * np.asarray(g[:600]).var(0))


@pytest.mark.parametrize("part", [0, 1])
def test_a_half_is_corrected_by_the_other_half_alone(part):
    # whatever is done to contributions of one half, guards included, its own corrections stay: hence no mean moves
    g, m, sound = _made()
    own = jnp.asarray((np.arange(PATHS) % 2 == part)[:, None, None, None])
    wild = jnp.where(own, -3 * g**2, g)
    first, second = _moved(g, m, sound)[part::2], _moved(wild, m, sound)[part::2]
    assert np.abs(first).max() > 1
    np.testing.assert_allclose(second, first, atol=1e-6 * float(jnp.abs(wild).max()))


def test_rows_that_are_not_sound_count_for_nothing():
    g, m, sound = _made()
    spoilt = _moved(g.at[600:].set(jnp.nan), m.at[600:].set(jnp.inf), sound)
    np.testing.assert_array_equal(spoilt, _moved(g, m, sound))


def test_a_heavy_control_is_refused():
    g, m, sound = _made(PATHS, controls=1)
    rare = jnp.zeros_like(m).at[jnp.array([10, 21, 500, 801]), 0, 0].set(50.0)  # two paths of each half
    assert not _moved(g + 3 * rare[..., :1, None], rare, sound).any()
    assert _moved(g + 3 * m[..., :1, None], m, sound).any()


def test_a_control_without_events_in_one_half_is_refused():
    # a short bin: little drift, and one event in a half; from the drift alone a huge coefficient would be learnt
    g, m, sound = _made(96, controls=1)
    assert not _moved(g, (0.01 * m).at[10, 0, 0].add(1.0), sound).any()
    assert _moved(g, m, sound).any()


def test_a_small_gain_is_refused():
    g, m, sound = _made(slope=0.5)  # lowers the variance by 20 %
    assert not _moved(g, m, sound).any()


def test_too_few_paths_are_refused():
    assert not _moved(*_made(60, controls=8)).any()
    assert _moved(*_made(64, controls=8)).any()


def test_collinear_controls_are_parted_by_the_ridge():
    g, m, sound = _made(controls=1)
    twice = m.at[:, :, 1].set(-m[:, :, 0]).at[:, :, 2].set(3 * m[:, :, 0])
    np.testing.assert_allclose(_moved(g, twice, sound), _moved(g, m, sound), atol=0.1)


def test_controls_that_are_nothing_leave_things_alone():
    g, m, sound = _made()
    assert not _moved(g, jnp.zeros_like(m), sound).any()


def test_edges_are_scale_free_and_bounded():
    assert len(martingale.Edges()([1.0])) == len(martingale.LAGS)
    np.testing.assert_allclose(np.array(martingale.Edges()([50.0])), 50 * np.array(martingale.Edges()([1.0])))
    np.testing.assert_allclose(np.array(martingale.Edges(5.0)([6.0])) - 5, martingale.Edges()([1.0]))
    dense = [0.1 * (k + 1) for k in range(100)]
    assert len(martingale.Edges()(dense)) < 3 * len(dense)
    assert martingale.Edges()([0.0]) == ()


@pytest.mark.parametrize(
    "rule",
    [
        jumpax.TrapezoidalTangent(control="martingale"),
        jumpax.LatticeTangent(control="martingale"),
        jumpax.ControlledScore(),
        _Pairs("martingale"),
    ],
    ids=lambda rule: type(rule).__name__,
)
def test_edges_begin_at_the_start(rule):
    model = jumpax.zoo.birth_death()

    def stops(start):
        made = jumpax.expectation(
            jumpax.Moments("X"),
            model.network,
            model.x0,
            [start + 0.5, start + 2],
            paths=2,
            start=start,
            gradient="auto",
        )
        return np.array(made.sampling.run(rule, ("birth",)).stops.values)

    assert len(stops(0.0)) > len(martingale.LAGS)
    np.testing.assert_allclose(stops(10.0) - 10, stops(0.0), atol=1e-12)


def test_hats_add_up_to_one_until_their_time():
    stops = sorted([1.0, 2.5, *martingale.Edges()([1.0, 2.5])])
    keep = np.searchsorted(stops, [1.0, 2.5])
    sums = martingale.hats(stops, keep, 0.0).sum(1)
    assert np.allclose(sums[0], np.array([0.0, *stops]) <= 1.0)
    assert np.allclose(sums[1], 1.0)


def test_independent_species():
    assert len(independent_species(jumpax.zoo.association().network)) == 1
    assert len(independent_species(jumpax.zoo.telegraph().network)) == 2
    assert len(independent_species(jumpax.zoo.repressilator().network)) == 3


def test_controls_of_paths_have_mean_zero_and_add_up_to_the_martingale():
    model = jumpax.zoo.telegraph(k_on=0.5, k_off=1.0, k_tx=20.0, gamma=1.0)
    asked = [0.5, 2.0]
    stops = tuple(sorted([*asked, *martingale.Edges()(asked)]))
    keep = np.searchsorted(stops, asked)
    fold = Martingale(model.network)
    paths = jumpax.simulate(
        model.network,
        model.theta,
        model.x0,
        times=list(stops),
        paths=20_000,
        key=20261120,
        record=[fold],
        precision="float64",
    )
    record = paths.records[0]
    sound = jnp.ones(20_000, bool)
    start = tuple(model.x0[s] for s in model.network.species)
    chunk = Chunk(
        model.network, (), {}, start, 0.0, Times(stops), keep, lambda c: c,
        jnp.zeros((20_000, 2, 3)), jnp.zeros((20_000, 2, 3)), None, sound,
    )  # fmt: skip
    made = np.asarray(martingale.controls(chunk, record), np.float64)
    error = np.maximum(made.std(0) / np.sqrt(len(made)), 1e-12)
    assert np.abs(made.mean(0) / error).max() < 4
    whole = np.stack(record[0], -1).cumsum(1)[:, keep]
    np.testing.assert_allclose(made.reshape(*made.shape[:2], -1, 2).sum(2), whole, atol=2e-3)
