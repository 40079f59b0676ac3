"""What a filter finds does not depend on what runs beside it, and nothing that a sampler may try is an error."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax import InputError, Records, UnsupportedError
from jumpax.filters import particle_filter
from jumpax.filters.resampling import effective, systematic
from jumpax.records import Custom, Exact, Firings, Normal, Poisson

NAN = float("nan")
DECAY = jumpax.Network(
    [jumpax.Reaction("0 -> X", jumpax.MassAction("b")), jumpax.Reaction("X -> 0", jumpax.MassAction("d"), name="loss")]
)
TIMES = [1.0, 2.0, 3.5]
VALUES = np.array([[5.0, NAN, 9.0], [7.0, 4.0, 8.0], [6.0, 6.5, 7.0]])
LOST = np.array([[2.0, NAN, 9.0], [3.0, 3.0, 6.0], [1.0, 2.0, 8.0]])
THETA = {
    "b": np.array([5.0, 7.0, 4.0, 6.0]),
    "d": np.array([1.0, 0.8, 1.2, 0.9]),
    "sd": 1.5,
    "m": np.array([3.0, 5.0, 4.0, 4.0]),
}
X0 = {"X": jumpax.Poisson("m")}


def records(cells=slice(None)):
    laws = {"X": Normal("sd"), "lost": Poisson()}
    names = np.array(["a", "b", "c"])[cells]
    return Records(TIMES, {"X": VALUES[cells], "lost": LOST[cells]}, laws, of={"lost": Firings("loss")}, cells=names)


def ask(chains, cells, **given):
    theta = {name: value[chains] if np.ndim(value) else value for name, value in THETA.items()}
    return particle_filter(DECAY, records(cells), theta, X0, particles=37, gradient=("b", "m", "sd"), **given)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_cell_of_a_chain_alone_is_the_same_to_the_last_bit(precision):
    whole = ask(slice(None), slice(None), key=7, precision=precision)
    for chain, cell in ((0, 0), (3, 2)):
        some = slice(chain, chain + 1), slice(cell, cell + 1)
        alone = ask(*some, key=7, chain=[chain], precision=precision)
        assert alone.log_likelihood[0, 0] == whole.log_likelihood[chain, cell]
        for name, gradient in alone.gradient.items():
            assert gradient[0, 0] == whole.gradient[name][chain, cell]
        for one, other in ((alone.effective, whole.effective), (alone.mean("X"), whole.mean("X")), (alone.pit()["X"], whole.pit()["X"])):  # fmt: skip
            np.testing.assert_array_equal(one[0, 0], other[chain, cell])
        np.testing.assert_array_equal(alone.paths(5)["X"][0, 0], whole.paths(5)["X"][chain, cell])
    assert len(np.unique(whole.log_likelihood)) == 12


def test_chains_with_keys_of_their_own():
    keys = jax.random.split(jax.random.key(3), 4)
    whole = ask(slice(None), slice(None), key=keys, keep=False)
    alone = ask(slice(2, 3), slice(None), key=[keys[2]], keep=False)
    raw = ask(slice(2, 3), slice(None), key=np.asarray(jax.random.key_data(keys))[2:3], keep=False)
    np.testing.assert_array_equal(alone.log_likelihood[0], whole.log_likelihood[2])
    np.testing.assert_array_equal(raw.log_likelihood[0], whole.log_likelihood[2])
    assert not np.array_equal(ask(slice(None), slice(None), key=[1, 2, 3, 4]).log_likelihood, whole.log_likelihood)


def test_numbers_that_make_no_sense_are_refused_chain_by_chain():
    theta = {
        "b": [5.0, -1.0, NAN, 5.0, 5.0, 5.0],
        "d": 1.0,
        "sd": [1.5, 1.5, 1.5, 0.0, 1.5, 1.5],
        "m": [3.0, 3.0, 3.0, 3.0, -2.0, 3.0],
    }
    found = particle_filter(DECAY, records(), theta, X0, particles=37, key=1, gradient=("b", "sd"))
    assert set(found.refused) == {1, 2, 3, 4}
    assert "b = -1" in found.refused[1]
    assert "sd = 0" in found.refused[3]
    assert "mean is negative" in found.refused[4]
    assert np.isneginf(found.log_likelihood[1:5]).all()
    assert np.isfinite(found.log_likelihood[[0, 5]]).all()
    assert all(np.isfinite(gradient).all() for gradient in found.gradient.values())
    assert "4 chains refused" in repr(found)
    nothing = particle_filter(DECAY, records(), {**THETA, "b": NAN}, X0, particles=37, key=1)
    assert np.isneginf(nothing.total).all()
    assert np.isnan(nothing.mean("X")).all()


def test_records_that_no_path_can_give_make_a_filter_extinct():
    """A Poisson law with a mean of zero: without births nothing can be lost but what was there."""
    theta = {"b": [0.0, 5.0], "d": 1.0, "sd": 1.5, "m": [0.0, 3.0]}
    found = particle_filter(DECAY, records(), theta, X0, particles=200, key=1, gradient=("d", "sd"))
    np.testing.assert_array_equal(found.extinct[0], 0)
    np.testing.assert_array_equal(found.extinct[1], -1)
    assert np.isneginf(found.log_likelihood[0]).all()
    assert np.isnan(found.standard_error[0]).all()
    assert np.isnan(found.quantiles("X", [0.5])[:, 0]).all()
    assert (found.paths(3)["X"][0] == -1).all()
    assert not found.gradient["d"][0].any()
    alone = particle_filter(
        DECAY, records(), {"b": 5.0, "d": 1.0, "sd": 1.5, "m": 3.0}, X0, particles=200, key=1, chain=[1]
    )
    np.testing.assert_array_equal(alone.log_likelihood[0], found.log_likelihood[1])


def test_paths_that_cannot_be_followed_are_counted():
    growth = jumpax.Network([jumpax.Reaction("X -> 2 X", jumpax.MassAction("k"))])
    trace = Records([1.0, 2.0], {"X": [3.0, 8.0]}, Normal(4.0))
    found = particle_filter(growth, trace, {"k": [1.0, 40.0]}, {"X": 1}, particles=50, key=1, max_events=1000)
    assert found.lost["EVENT_BUDGET"][0, 0] == 0
    assert found.lost["EVENT_BUDGET"][1, 0] == 50
    assert np.isneginf(found.log_likelihood[1, 0])
    assert np.isfinite(found.log_likelihood[0, 0])
    assert "lost: 50 EVENT_BUDGET" in repr(found)
    some = particle_filter(growth, trace, {"k": 1.0}, {"X": 1}, particles=500, key=1, max_events=4)
    assert 0 < some.lost["EVENT_BUDGET"][0, 0] < 1000
    assert np.isfinite(some.log_likelihood).all()


def test_rates_that_grow_without_end_for_some_parameters_are_lost_in_these_chains_only():
    """Whatever chain is the first; a law that is not understood is an error, whatever theta."""
    growing = jumpax.Network([jumpax.Reaction("0 -> X", lambda k, a, t: k * jnp.exp(a * t))])
    trace = Records([1.0, 2.0], {"X": [7.0, 13.0]}, Normal(2.0))
    for slope, lost in (([-0.2, 0.3], [0, 20]), ([0.3, -0.2], [20, 0])):
        found = particle_filter(growing, trace, {"k": 9.0, "a": slope}, {"X": 0}, particles=20, key=1)
        assert found.lost["BOUND_BROKEN"][:, 0].tolist() == lost
        assert np.isneginf(found.log_likelihood[:, 0]).tolist() == [one > 0 for one in lost]
    odd = jumpax.Network([jumpax.Reaction("X -> 0", lambda X, t: X * (1 + jnp.tan(t)))])
    for theta in ({}, {"sd": -1.0}):
        with pytest.raises(UnsupportedError, match=r"operation tan.*take no bound of one's own") as fault:
            particle_filter(odd, Records([1.0], {"X": [3.0]}, Normal("sd" if theta else 1.0)), theta, {"X": 5}, particles=10, key=0)  # fmt: skip
        assert "bound=" not in str(fault.value)


def test_cells_with_exact_records_at_different_times_have_the_gradient_that_they_have_alone():
    """At each time one cell goes through the alive filter and the other does not; a third one ends at the limit on draws."""
    times, network = np.arange(1.0, 7.0), jumpax.zoo.birth_death().network
    cells = {"a": [3, NAN, 5, NAN, 6, NAN], "b": [NAN, 3, NAN, 5, NAN, 6], "c": [NAN, NAN, 90, NAN, 6, NAN]}

    def gradient(names, lag):
        trace = Records(times, {"X": [cells[name] for name in names]}, Exact(), cells=names)
        theta, given = {"birth": 5.0, "death": 1.0}, {"gradient": ("birth",), "lag": lag, "max_draws": 3000}
        return particle_filter(network, trace, theta, {"X": 0}, particles=50, key=1, **given).gradient["birth"][0]

    for lag in (None, 1, 2):
        alone = [gradient([name], lag)[0] for name in cells]
        np.testing.assert_allclose(gradient(list(cells), lag), alone, rtol=1e-12)
        assert np.flatnonzero(alone).tolist() == [0, 1]


def test_what_would_be_measured_again_is_drawn_along_the_chosen_paths_alone():
    shapes = []

    def draw(generator, x, values):
        shapes.append(x.shape)
        return x + 0.5

    flat = [Custom(lambda y, x, values: 0.0 * x, draw=one) for one in (None, draw)]
    trace = Records([1.0, 2.0], {"X": [3.0, 4.0], "Y": [3.0, 4.0]}, dict(zip("XY", flat, strict=True)), of={"Y": "X"})
    found = particle_filter(DECAY, trace, {"b": 3.0, "d": 1.0}, {"X": 3}, particles=100, key=1)
    again = found.remeasured(7)
    assert shapes == [(2, 7)]
    assert list(again) == ["Y"]  # of a law that cannot be drawn nothing is told
    np.testing.assert_array_equal(again["Y"], found.paths(7)["X"] + 0.5)


def test_densities_that_are_no_numbers_are_counted():
    law = Custom(lambda y, x, values: -((y - x) ** 2) + 0.0 / (x > 2))
    trace = Records([1.0, 2.0], {"X": [3.0, 4.0]}, law)
    found = particle_filter(DECAY, trace, {"b": 3.0, "d": 1.0}, {"X": 3}, particles=100, key=1)
    assert np.isfinite(found.log_likelihood).all()
    assert 0 < found.lost["DENSITY_IS_NO_NUMBER"][0, 0] < 200


def test_what_is_refused_by_name():
    trace, theta = records(), {"b": 5.0, "d": 1.0, "sd": 1.5, "m": 3.0}
    late = DECAY.with_delays({"loss": jumpax.FixedDelay(1.0)})
    division = jumpax.Network(DECAY.reactions, events=[jumpax.Event.at(1.0, {"X": 0})])
    for network, word in ((late, "delays"), (division, "events at times")):
        with pytest.raises(UnsupportedError, match=word):
            particle_filter(network, trace, theta, X0, particles=10, key=0)
    for given, word in (
        ({"theta": {**theta, "q": 1.0}}, "'q'"),
        ({"theta": {"b": 5.0}}, "'sd' is missing"),
        ({"theta": {**theta, "b": [1.0, 2.0], "d": [1.0, 2.0, 3.0]}}, "lengths"),
        ({"gradient": ("q",)}, "'q'"),
        ({"particles": 1}, "particles"),
        ({"lag": 0}, "lag"),
        ({"key": [1, 2]}, "2 keys for 1 chains"),
        ({"chain": [0, 1]}, "chain"),
        ({"start": 1.5}, "before the start"),
        ({"records": "trace.csv"}, "jumpax.Records"),
    ):
        with pytest.raises(InputError, match=word):
            particle_filter(
                **{"network": DECAY, "records": trace, "theta": theta, "x0": X0, "particles": 10, "key": 0, **given}
            )
    lean = particle_filter(DECAY, trace, theta, X0, particles=10, key=0, keep=False)
    with pytest.raises(InputError, match="keep=True"):
        lean.mean("X")
    with pytest.raises(InputError, match="'Z'"):
        particle_filter(DECAY, trace, theta, X0, particles=10, key=0).mean("Z")


def test_systematic_resampling_has_the_right_numbers_of_children():
    """On average over the point M W, never more than one away: by all points of a fine grid."""
    generator = np.random.default_rng(0)
    weights = generator.dirichlet(np.full(17, 0.3))
    weights[-3:] = 0.0
    weights /= weights.sum()
    points = (np.arange(4000) + 0.5) / 4000
    parents = systematic(np.tile(weights, (4000, 1)), points)
    children = (parents[:, :, None] == np.arange(17)).sum(1)
    assert (np.abs(children - 17 * weights) < 1).all()
    np.testing.assert_allclose(children.mean(0), 17 * weights, atol=1e-3)
    assert effective(np.array([[0.25] * 4, [1.0, 0, 0, 0], [0.0] * 4])).tolist() == [4.0, 1.0, 0.0]
