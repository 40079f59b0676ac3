"""The GPU engine: its kernels, run on this processor, follow the other engines.

What only a GPU can show is tested where there is one, by the same file; what the code for it looks like, and what its
driver is told, in `test_gpu_kernels.py`.
"""

import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
import time_dependent
from gpu_runs import HERE, TROUBLE, equal_runs, finished, follows, program_of
from jumpax.engines import choice
from jumpax.engines.gpu import Gpu, HostDevice
from jumpax.folds import Score
from jumpax.networks import ALL
from tables import FOLDS, HORIZONS, model, run, same_paths


@pytest.mark.parametrize(
    ("name", "folds", "precision"),
    [
        ("telegraph", tuple(FOLDS), "float32"),
        pytest.param("toggle_switch", tuple(FOLDS), "float32", marks=pytest.mark.long),
        ("birth_death", ("FirstPassage",), "float32"),
        ("birth_death", ("TimeAverages", "Score", "Tangent", "RelaxedTangent", "Capped"), "float64"),
    ],
)
def test_it_follows_xla(name, folds, precision):
    ours, theirs = (run(name, folds, precision, engine, paths=20) for engine in (HERE, "xla"))
    follows(ours, theirs, precision)


SOME = (("schlogl", "float64"), ("repressilator", "float32"), ("sir", "float64"), ("vilar_oscillator", "float32"))


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        pytest.param(name, precision, marks=[] if (name, precision) in SOME else pytest.mark.long)
        for name in HORIZONS
        for precision in ("float32", "float64")
    ],
)
def test_it_is_the_cpu_engine_bit_for_bit(name, precision):
    folds = ("Score",) if precision == "float32" else ()
    equal_runs(*(run(name, folds, precision, engine, paths=50) for engine in (HERE, "cpu")), precision)


@pytest.mark.long
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("name", HORIZONS)
def test_it_is_the_cpu_engine_with_every_fold(name, fold, precision):
    equal_runs(*(run(name, (fold,), precision, engine, paths=8) for engine in (HERE, "cpu")), precision)
    jax.clear_caches()


def test_steps_values_per_path_and_bounds():
    chosen, paths = model("birth_death"), 40
    theta = chosen.theta | {"birth": np.linspace(10, 200, paths)}
    options = {"steps": [1, 20], "paths": paths, "key": 4}
    same_paths(*(
        jumpax.simulate(chosen.network, theta, {"X": np.arange(paths)}, engine=engine, **options)
        for engine in (HERE, "cpu")
    ))  # fmt: skip
    bounds = time_dependent.sir_bounds(lambda a, b: 1.9)
    network = time_dependent.seasonal_sir()
    options = {"times": time_dependent.SIR_TIMES, "bound": bounds, "paths": 200, "key": 5}
    seasonal = (
        jumpax.simulate(
            network, time_dependent.SIR_THETA, time_dependent.SIR_START,
            record=Score(network, network.parameters), engine=engine, **options,
        )
        for engine in (HERE, "cpu")
    )  # fmt: skip
    equal_runs(*seasonal, "float32")


def test_faults_are_found():
    def odd(B, k):
        return k * jnp.sqrt(3.5 - B)

    network = jumpax.Network([jumpax.Reaction("0 -> B", odd), jumpax.Reaction("A + A -> 0", jumpax.MassAction("d"))])
    for max_events in (3, 1000):
        faulty = [
            jumpax.simulate(network, {"k": 1.0, "d": 0.01}, {"A": 9, "B": 0}, times=[2.0, 9.0], paths=30, key=1,
                            engine=engine, max_events=max_events, throw=False)
            for engine in (HERE, "cpu")
        ]  # fmt: skip
        assert (faulty[0].status != jumpax.Status.REACHED).sum() > 10
        same_paths(*faulty)


def test_threads_and_budgets_do_not_matter():
    whole = finished(Gpu(HostDevice(1)), 50, 10_000)
    for width, budget in ((5, 10_000), (32, 1), (64, 3)):
        jax.tree.map(np.testing.assert_array_equal, finished(Gpu(HostDevice(width)), 50, budget), whole)


def test_it_runs_inside_jax():
    chosen = jumpax.zoo.association(start=(20, 20), k_on=0.05)
    theta = {k: jnp.float32(v) for k, v in chosen.theta.items()}

    def everything(engine):
        mean = jumpax.expectation(
            jumpax.Moments("C"), chosen.network, chosen.x0, times=[1.0], paths=100, engine=engine,
            gradient=jumpax.ScoreFunction(),
        )  # fmt: skip

        def f(k):
            return mean({**theta, "k_off": k}, jax.random.key(2))[0, 0, 0]

        value = jax.jit(jax.value_and_grad(f))(1.0)
        rates = jnp.array([0.5, 2.0])
        return jnp.stack([f(1.0), *value, *jax.jit(jax.vmap(jax.grad(f)))(rates), *jax.lax.map(f, rates)])

    with jax.default_device(jax.devices("cpu")[0]):
        np.testing.assert_allclose(everything(HERE), everything("cpu"), rtol=2e-4)


@pytest.mark.skipif(TROUBLE is None, reason="there is a GPU")
def test_without_a_gpu_the_remedy_is_named():
    with pytest.raises(jumpax.UnsupportedError, match=r"pip install 'jumpax\[cuda\]'"):
        run("birth_death", (), "float32", "gpu")


def test_it_is_the_default_on_a_gpu_or_says_why_not(monkeypatch):
    program = program_of("sir")
    monkeypatch.setattr(choice, "platform", lambda: "gpu")
    choice._default.cache_clear()
    if TROUBLE is not None:
        with pytest.warns(jumpax.JumpaxWarning, match="gpu engine cannot run") as noted:
            assert [choice.engine_for(program, None).name for _ in range(2)] == ["xla", "xla"]
        assert len(noted) == 1
        choice._default.cache_clear()
        monkeypatch.setattr(choice, "engine_named", lambda name: types.SimpleNamespace(name=name, offers=ALL))
    assert choice.engine_for(program, None).name == "gpu"
    choice._default.cache_clear()


def test_the_default_follows_the_default_device():
    with jax.default_device(jax.devices("cpu")[0]):
        assert choice.engine_for(program_of("sir"), None).name == "cpu"
    with jax.default_device("cpu"):
        assert choice.platform() == "cpu"


@pytest.mark.skipif(TROUBLE is not None, reason=f"needs a GPU: {TROUBLE}")
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("name", "folds"), [("telegraph", tuple(FOLDS)), *((name, ("Score",)) for name in HORIZONS)])
def test_on_the_gpu(name, folds, precision):
    follows(*(run(name, folds, precision, e, paths=300) for e in ("gpu", HERE)), precision)


@pytest.mark.skipif(TROUBLE is not None, reason=f"needs a GPU: {TROUBLE}")
def test_budgets_on_the_gpu():
    whole = finished(Gpu(), 500, 10_000)
    jax.tree.map(np.testing.assert_array_equal, finished(Gpu(), 500, 1), whole)
    np.testing.assert_array_equal(whole.counts, finished(Gpu(HostDevice(1)), 500, 10_000).counts)
