"""Posterior densities, judged by closed forms, by SciPy, and by samplers of others against sums over a grid."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import jumpax
from jumpax import Fixed, Free, InputError, RecordProblem, Records, log_density, priors
from jumpax.inference import Derived, MasterEquation, losses
from jumpax.records import Exact, Firings, Normal

BIRTHS = jumpax.Network([jumpax.Reaction("0 -> X", jumpax.MassAction("k"))])
DECAY = jumpax.Network([jumpax.Reaction("A -> 0", jumpax.MassAction("k"))])
LAWS = [
    (priors.Normal(1.0, 2.0), scipy.stats.norm(1.0, 2.0)),
    (priors.LogNormal(2.0, 0.7), scipy.stats.lognorm(0.7, scale=2.0)),
    (priors.Gamma(2.5, 3.0), scipy.stats.gamma(2.5, scale=1 / 3.0)),
    (priors.Exponential(2.0), scipy.stats.expon(scale=2.0)),
    (priors.HalfNormal(1.5), scipy.stats.halfnorm(scale=1.5)),
    (priors.Uniform(-1.0, 2.0), scipy.stats.uniform(-1.0, 3.0)),
    (priors.LogUniform(0.1, 5.0), scipy.stats.loguniform(0.1, 5.0)),
    (priors.Beta(2.0, 0.5), scipy.stats.beta(2.0, 0.5)),
    (priors.Laplace(1.0, 2.0), scipy.stats.laplace(1.0, 2.0)),
    (priors.LogLaplace(2.0, 0.7), scipy.stats.loglaplace(1 / 0.7, scale=2.0)),
    (priors.Cauchy(1.0, 2.0), scipy.stats.cauchy(1.0, 2.0)),
    (priors.Rayleigh(2.0), scipy.stats.rayleigh(scale=2.0)),
]


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(("prior", "law"), LAWS, ids=lambda one: type(one).__name__)
def test_priors_are_those_of_scipy(prior, law):
    points = np.array([-3.0, -0.5, 0.0, 0.2, 0.9, 1.7, 7.0])
    with np.errstate(divide="ignore"):
        expected = law.logpdf(points)
    inside = (points > prior.support[0]) & (points < prior.support[1])
    found = np.array([prior.log_density(x) for x in points])
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-12)
    assert np.isneginf(found[~inside]).all()
    assert np.isfinite([jax.grad(prior.log_density)(x) for x in points]).all()
    drawn = prior.sample(np.random.default_rng(7), 0.15, 0.8, size=4000)
    assert ((drawn > 0.15) & (drawn < 0.8)).all()
    np.testing.assert_allclose(prior.log_mass(0.15, 0.8), np.log(law.cdf(0.8) - law.cdf(0.15)), rtol=1e-12)
    # false alarm: 1e-4 for each law
    assert (
        scipy.stats.kstest(drawn, lambda x: (law.cdf(x) - law.cdf(0.15)) / np.exp(prior.log_mass(0.15, 0.8)))[1] > 1e-4
    )


def births(prior=None, limits=60, bounds=()):
    trace = Records([0.5, 2.0], {"X": [[4, 11], [np.nan, 9]]}, Exact())
    return RecordProblem(
        BIRTHS, {"X": 0}, trace, {"k": Free(5.0, *bounds, prior=prior or priors.Gamma(3.0, 0.5))}, limits=limits
    )


def test_a_density_in_closed_form_and_its_maximum():
    """Births of cells are Poisson: 20 in a time of 4, so the posterior of k is Gamma(23, 4.5), and that of ln k is widest there."""
    density = log_density(births())
    assert (density.names, density.dimension, density.parts) == (("k",), 1, ("0", "1"))

    def exact(k):
        of_data = scipy.stats.poisson.logpmf([4, 7, 9], k * np.array([0.5, 1.5, 2.0])).sum()
        return scipy.stats.gamma.logpdf(k, 3.0, scale=2.0) + np.log(k) + of_data

    for k in (2.0, 6.0, 11.0):
        found, slope = jax.value_and_grad(density)(jnp.log(jnp.array([k])))
        np.testing.assert_allclose(found, exact(k), rtol=1e-10)
        np.testing.assert_allclose(slope, [23 - 4.5 * k], rtol=1e-9)
    found = density.maximise(starts=3)
    np.testing.assert_allclose(found.values["k"], 23 / 4.5, rtol=1e-5)
    np.testing.assert_allclose(found.log_density, exact(23 / 4.5), rtol=1e-10)
    np.testing.assert_allclose(found.covariance, [[1 / 23]], rtol=1e-4)
    np.testing.assert_allclose(found.standard_errors["k"], np.sqrt(23) / 4.5, rtol=1e-4)
    assert np.ptp(found.found) < 1e-6


@pytest.mark.parametrize(
    "bounds", [(0.0, np.inf), (1.0, np.inf), (1.0, 30.0), (1.0, 30.0, "", True), (-np.inf, 30.0), (-np.inf, np.inf)]
)
def test_the_scale_of_a_parameter_does_not_change_its_posterior(bounds):
    """The density integrates to the evidence, whatever the bounds do to the scale; those that cut the prior off renormalise it."""
    density = log_density(births(bounds=bounds))
    ends = sorted(density.unconstrained({"k": k}).item() for k in (1.02, 16.0))  # the posterior is Gamma(23, 4.5)
    u = jnp.linspace(*ends, 160)[:, None]
    levels = np.asarray(jax.jit(jax.vmap(density))(u))
    with np.errstate(invalid="ignore"):
        evidence = np.trapezoid(np.exp(levels), u[:, 0])
    k = np.linspace(max(bounds[0], 0.0), min(bounds[1], 30.0), 20001)[1:-1]
    law = scipy.stats.gamma(3.0, scale=2.0)
    of_data = scipy.stats.poisson.logpmf(np.array([4, 7, 9])[:, None], k * np.array([0.5, 1.5, 2.0])[:, None]).sum(0)
    cut = law.cdf(bounds[1]) - law.cdf(bounds[0])
    np.testing.assert_allclose(evidence, np.trapezoid(np.exp(of_data) * law.pdf(k) / cut, k), rtol=1e-3)


def test_where_a_sampler_strays_there_is_minus_infinity_and_a_count():
    density = log_density(births())
    both = jax.jit(jax.value_and_grad(density))
    for u, cause in (
        (4.5, "leak"),
        (20.0, "too many steps"),
        (800.0, "parameters"),
        (-800.0, "parameters"),
        (np.nan, "parameters"),
    ):
        density.forget()
        for run in (jax.value_and_grad(density), both):
            value, slope = run(jnp.array([u]))
            assert value == -np.inf
            assert slope == 0.0
        assert set(density.refused) == {cause}
        assert density.last_refused[-1].cause == cause
        np.testing.assert_array_equal(density.last_refused[-1].u, [u])
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(density)))(jnp.array([[1.5], [800.0], [4.5]]))
    np.testing.assert_array_equal(np.isfinite(values), [True, False, False])
    np.testing.assert_array_equal(slopes[1:], 0.0)
    assert "leak" in density.refused
    assert np.isfinite(density.enlarged(5)(jnp.array([4.5])))


def test_propensities_that_are_no_numbers_and_records_that_cannot_be():
    odd = jumpax.Network([jumpax.Reaction("A -> 0", lambda A, k: A * jnp.sqrt(3.0 - k))])
    trace = Records([1.0, 2.0], {"A": [2, 1]}, Exact())
    density = log_density(RecordProblem(odd, {"A": 3}, trace, {"k": Free(1.0, prior=priors.Uniform(0.0, 9.0))}))
    assert np.isfinite(density(jnp.log(jnp.array([2.0]))))
    value, slope = jax.value_and_grad(density)(jnp.log(jnp.array([4.0])))
    assert value == -np.inf
    assert slope == 0.0
    assert set(density.refused) == {"propensity not finite"}
    more = Records([1.0, 2.0], {"A": [1, 2]}, Exact())
    never = log_density(RecordProblem(DECAY, {"A": 3}, more, {"k": Free.box(0.1, 9.0)}))
    value, slope = jax.value_and_grad(never)(jnp.array([0.3]))
    assert value == -np.inf
    assert slope == 0.0
    assert set(never.refused) == {"impossible records"}
    with pytest.raises(InputError, match=r"none of 100 draws .* \(impossible records: 100\)"):
        never.start(0)


def test_in_single_precision_nothing_is_lost_in_silence():
    with jax.enable_x64(False):
        density = decay()
        both = jax.jit(jax.value_and_grad(density))
        value, slope = both(jnp.array([-0.5, 0.0]))
        assert value.dtype == np.float32
        strayed = {"range of numbers": [0.0, -60.0], "parameters": [0.0, 80.0], "too many steps": [40.0, 0.0]}
        for cause, u in strayed.items():
            density.forget()
            level, flat = both(jnp.array(u))
            assert level == -np.inf
            assert not flat.any()
            assert set(density.refused) == {cause}
    exact, slopes = jax.value_and_grad(decay())(jnp.array([-0.5, 0.0]))
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(slope, slopes, rtol=2e-6)


def test_a_derivative_that_is_no_number_is_told():
    odd = jumpax.Network([jumpax.Reaction("A -> 0", lambda A, k: A * jnp.sqrt(jnp.where(A == 3, 1.0, k - 2.0)))])
    trace = Records([0.0, 1.0], {"A": [3, 2]}, Exact())
    free = {"k": Free(3.0, -np.inf, prior=priors.Normal(0.0, 3.0))}
    density = log_density(RecordProblem(odd, {"A": 3}, trace, free))
    value, slope = jax.value_and_grad(density)(
        jnp.array([2.0])
    )  # the second step has the rate 0: its derivative is infinite
    np.testing.assert_allclose(value, np.log(1 - np.exp(-3.0)) + scipy.stats.norm.logpdf(2.0, 0.0, 3.0), rtol=1e-10)
    assert slope == -2.0 / 9.0  # of the prior alone
    assert set(density.refused) == {"derivative not finite"}


def test_snapshots_of_cells():
    """At time 1 the counts of births are Poisson; those of a Problem and its loss give the same density as records."""
    counts = np.random.default_rng(5).poisson(6.0, 40)
    rates = {"k": Free(5.0, prior=priors.LogNormal(5.0, 1.0)), "twice": Derived(lambda k: 2 * k)}
    source = MasterEquation({"X": 40})
    density = log_density(
        jumpax.Problem(BIRTHS, {"X": 0}, losses.LogLikelihood("X", counts, 1.0 + 0 * counts), rates, source=source)
    )
    value, slope = jax.jit(jax.value_and_grad(density))(jnp.log(jnp.array([7.0])))
    exact = scipy.stats.poisson.logpmf(counts, 7.0).sum() + scipy.stats.norm.logpdf(np.log(7.0), np.log(5.0), 1.0)
    np.testing.assert_allclose(value, exact, rtol=1e-9)
    np.testing.assert_allclose(slope, counts.sum() - 40 * 7.0 - np.log(7.0 / 5.0), rtol=1e-8)
    cells = Records([1.0], {"X": counts[:, None]}, Exact())
    records = log_density(RecordProblem(BIRTHS, {"X": 0}, cells, rates, limits=40))
    np.testing.assert_allclose(records(jnp.log(jnp.array([7.0]))), exact, rtol=1e-9)
    value, slope = jax.jit(jax.value_and_grad(density))(jnp.array([4.0]))
    assert value == -np.inf
    assert slope == 0.0
    assert density.refused["leak"] > 0
    assert np.isfinite(density.enlarged(3)(jnp.array([4.0])))
    assert float(density.constrained(jnp.array([0.0]))["twice"]) == 2.0


def test_what_does_not_fit_together_is_told_at_once():
    trace = Records([1.0], {"A": [2.0]}, Normal("sd"))
    with pytest.raises(InputError, match=r"'k', 'sd' have none: give Free\(..., prior="):
        log_density(RecordProblem(DECAY, {"A": 3}, trace, {"k": Free(1.0), "sd": Free(1.0)}))
    with pytest.raises(InputError) as error:
        RecordProblem(DECAY, {"B": 3}, Records([1.0], {"C": [2.0]}, Normal("sd")), {"k": Fixed(1.0)}, start=2.0)
    told = str(error.value)
    assert all(
        part in told for part in ("unknown species 'C'", "before the start", "'B'", "'sd' of the data is missing")
    )
    with pytest.raises(InputError, match="MasterEquation"):
        log_density(
            jumpax.Problem(BIRTHS, {"X": 0}, losses.LogLikelihood("X", [1, 2], [1.0, 1.0]), {"k": Free.box(1.0, 9.0)})
        )
    with pytest.raises(InputError, match="give limits="):
        log_density(
            RecordProblem(
                DECAY, {"A": jumpax.Poisson("m")}, trace, {"k": Free.box(1, 2), "m": Free.box(1, 2), "sd": Fixed(1.0)}
            )
        )
    with pytest.raises(InputError, match="the prior has no value between the bounds"):
        Free(1.0, upper=2.0, prior=priors.Uniform(3.0, 4.0))


def test_counters_and_starts_grow_with_the_space():
    trace = Records([1.0], {"gone": [3.0]}, Normal(0.5), of={"gone": Firings(DECAY.reactions[0].name)})
    rates = {"k": Free.box(0.5, 2.0), "m": Free.box(1.0, 20.0)}
    problem = RecordProblem(DECAY, {"A": jumpax.Poisson("m")}, trace, rates, limits=12, firings={"gone": 6})
    density = log_density(problem)
    u = density.unconstrained({"k": 1.0, "m": 9.0})
    assert density(u) == -np.inf
    assert set(density.refused) == {"leak"}
    larger = density.enlarged(4)
    assert (larger.problem.limits, larger.problem.firings) == (48, {"gone": 24})
    n = np.arange(60)
    expected = np.log((scipy.stats.poisson.pmf(n, 9.0 * (1 - np.exp(-1.0))) * scipy.stats.norm.pdf(3.0, n, 0.5)).sum())
    np.testing.assert_allclose(larger.log_likelihood(u), expected, rtol=1e-8)


Y = np.array([8.3, 6.1, 5.2, 2.4])
"""Of 10 molecules that decay, every half unit of time, with noise."""


def decay():
    rates = {"k": Free(1.0, prior=priors.LogNormal(0.5, 1.0)), "sd": Free(1.0, prior=priors.HalfNormal(2.0))}
    return log_density(RecordProblem(DECAY, {"A": 10}, Records(0.5 * np.arange(1, 5), {"A": Y}, Normal("sd")), rates))


def means_on_a_grid():
    """Posterior means of k and sd, and their standard deviations, from binomial transitions."""
    k, sd = np.exp(np.linspace(-3.5, 2.0, 90)), np.exp(np.linspace(-3.5, 2.5, 90))
    n = np.arange(11)
    steps = [scipy.stats.binom.pmf(n[:, None], n[None], np.exp(-0.5 * one)) for one in k]
    levels = np.empty((90, 90))
    for j, s in enumerate(sd):
        for i, step in enumerate(steps):
            law = np.eye(11)[10]
            for y in Y:
                law = (
                    step @ law * scipy.stats.norm.pdf(y, n, s)
                    if False
                    else step @ law * np.exp(-0.5 * ((y - n) / s) ** 2) / s
                )
            levels[i, j] = np.log(law.sum())
    levels += scipy.stats.norm.logpdf(np.log(k / 0.5))[:, None] + np.log(sd) - sd**2 / 8
    weight = np.exp(levels - levels.max())
    weight /= weight.sum()
    mean = np.array([(weight.sum(1) * k).sum(), (weight.sum(0) * sd).sum()])
    square = np.array([(weight.sum(1) * k**2).sum(), (weight.sum(0) * sd**2).sum()])
    return mean, np.sqrt(square - mean**2)


def test_nuts_of_blackjax_from_random_starts():
    blackjax = pytest.importorskip("blackjax")
    density = decay()
    starts = jnp.stack([jnp.asarray(density.start(i)) for i in range(10)])
    sampler = blackjax.nuts(density, step_size=0.5, inverse_mass_matrix=jnp.array([0.15, 0.25]), max_num_doublings=3)

    @jax.jit
    def run(key, starts):
        def step(state, key):
            state, info = jax.vmap(sampler.step)(jax.random.split(key, 10), state)
            return state, (state.position, info.num_integration_steps)

        return jax.lax.scan(step, jax.vmap(sampler.init)(starts), jax.random.split(key, 60))[1]

    drawn, _ = run(jax.random.key(3), starts)
    judged(np.exp(np.asarray(drawn[10:])))


def judged(drawn):
    """Draws (steps, chains, 2); each chain's mean is one number, so their spread tells the error. False alarm: 1e-4 for each number."""
    mean, sd = means_on_a_grid()
    chains = drawn.mean(0)
    error = chains.std(0, ddof=1) / np.sqrt(len(chains))
    assert (np.abs(chains.mean(0) - mean) < scipy.stats.t.ppf(1 - 5e-5, len(chains) - 1) * error).all()
    assert (error < 0.15 * sd).all()


def test_nuts_of_numpyro():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        infer = pytest.importorskip("numpyro.infer")
    density = decay()
    sampler = infer.NUTS(potential_fn=lambda u: -density(u), max_tree_depth=3)
    run = infer.MCMC(
        sampler, num_warmup=40, num_samples=50, num_chains=10, chain_method="vectorized", progress_bar=False
    )
    run.run(jax.random.key(11), init_params=jnp.stack([jnp.asarray(density.start(100 + i)) for i in range(10)]))
    judged(np.exp(np.asarray(run.get_samples(group_by_chain=True))).swapaxes(0, 1))
