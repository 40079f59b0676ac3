"""The CPU engine: printed kernels follow the others, are SIMD code, and refuse by name what they cannot print."""

import re
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from llvmlite import binding

import jumpax
from jumpax.engines.choice import LARGEST, engine_for
from jumpax.engines.cpu import kernels, operations
from jumpax.engines.engine import precision_of
from jumpax.engines.program import Program
from jumpax.folds import Score, Snapshots, Tangent, Together
from tables import same_paths


def folds_of(network):
    return {
        "plain": Snapshots(),
        "score": Together((Snapshots(), Score(network, network.parameters))),
        "tangent": Together((Snapshots(), Tangent(network, network.parameters[:1]))),
    }


def loop_of(program) -> list[str]:
    """Instructions of the largest loop body in the machine code of a kernel."""
    with precision_of(program):
        module = kernels.load(program, False)
    blocks, current = {}, None
    for line in module.turns.inspect_asm(module.turns.signatures[0]).splitlines():
        if label := re.match(r"^(\.?[\w.$]+):", line):
            current = blocks.setdefault(label.group(1), [])
        elif current is not None and line.startswith("\t") and not line.strip().startswith("."):
            current.append(line.strip())
    return max(blocks.values(), key=lambda block: sum(bool(re.search(r"[xyz]mm", i)) for i in block))


def compiled(model, fold, precision):
    """The program of a fold, with its kernel compiled (not read from the disk: that keeps no machine code to look at)."""
    program = Program(model.network, fold, precision)
    with precision_of(program):
        module = kernels.load(program, False)
    if not module.turns.signatures:
        wide = np.zeros(65536, precision)
        theta = np.zeros((1, len(model.network.parameters)), precision)
        module.turns(wide, np.zeros(65536, np.int32), np.zeros(65536, np.uint32), theta, np.int32(0), 1)
    return program


def forget_kernels():
    """As in a new process: only what is on the disk is left."""
    kernels._load.cache_clear()
    for name in [name for name in sys.modules if name.startswith("jumpax_kernel_")]:
        del sys.modules[name]


@pytest.fixture(autouse=True, scope="module")
def fresh_cache(tmp_path_factory):
    """Kernels of these tests are compiled anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUMPAX_CACHE", str(tmp_path_factory.mktemp("kernels")))
        forget_kernels()
        yield
    forget_kernels()


@pytest.mark.skipif(
    "avx2" not in binding.get_host_cpu_features().flatten(), reason="needs AVX2 to look for its registers"
)
@pytest.mark.parametrize(
    ("name", "fold"),
    [(name, "plain") for name in jumpax.zoo.MODELS]
    + [(name, fold) for name in ("birth_death", "telegraph", "repressilator") for fold in ("score", "tangent")]
    + [pytest.param(name, fold, marks=pytest.mark.long) for name in jumpax.zoo.MODELS for fold in ("score", "tangent")],
)
def test_loops_are_vector_code(name, fold):
    model = jumpax.zoo.MODELS[name]()
    program = compiled(model, folds_of(model.network)[fold], "float32")
    body = loop_of(program)
    wide = [line for line in body if re.search(r"%[yz]mm", line)]
    packed = [line for line in body if re.match(r"v(add|mul|sub|fmadd\w*)ps", line)]
    alone = [line for line in body if re.match(r"v(add|mul|sub|fmadd\w*)ss", line)]
    assert len(wide) > 60, "the loop over lanes was not vectorised"
    assert len(packed) > 10 * len(alone)
    assert not [line for line in body if line.startswith("call")], "a call inside the loop ends vectorisation"


def test_the_clock_and_the_checks_survive_optimisation():
    # 1e6 waits of about 1e-3, in a birth process of rate 1000 with a count that stays small enough for float32
    birth = jumpax.Network([jumpax.Reaction("0 -> N", jumpax.MassAction("k"))])
    averages = jumpax.folds.TimeAverages(birth)

    def run(steps, paths, engine, record=()):
        return jumpax.simulate(
            birth, {"k": 1000.0}, {"N": 0}, steps=[steps], paths=paths, key=1, engine=engine, precision="float32",
            record=record,
        )  # fmt: skip

    # the time of event n is gamma distributed: mean 1000, standard deviation 1
    z = (run(1_000_000, 64, "cpu", averages).end_times.mean() - 1000.0) * np.sqrt(64)
    assert abs(z) < 4.5
    short, xla = run(100_000, 4, "cpu", averages), run(100_000, 4, "xla")
    np.testing.assert_array_equal(short.end_times, xla.end_times)

    def infinite(X, k):
        return jnp.where(X > 50, k / (X - X), k)

    explodes = jumpax.Network([jumpax.Reaction("0 -> X", infinite)])
    with pytest.raises(jumpax.SimulationError, match="BAD_PROPENSITY"):
        jumpax.simulate(explodes, {"k": 100.0}, {"X": 0}, times=[10.0], paths=4, key=0, engine="cpu")


@pytest.mark.parametrize("precision", ["float32", pytest.param("float64", marks=pytest.mark.long)])
def test_threads_batches_and_budgets_do_not_matter(precision):
    model = jumpax.zoo.telegraph(end=5.0)

    def run(**options):
        options = {"paths": 300, "threads": 1} | options
        return jumpax.simulate(
            model.network, model.theta, model.x0, times=[1.0, 5.0], key=3, engine="cpu", precision=precision, **options
        )

    whole = run()
    same_paths(whole, run(threads=3))
    few = run(paths=7)
    np.testing.assert_array_equal(few.counts, whole.counts[:7])
    np.testing.assert_array_equal(few.end_times, whole.end_times[:7])


def test_parameters_and_starts_per_path():
    model = jumpax.zoo.birth_death(end=2.0)
    rates = np.linspace(10.0, 100.0, 40)
    starts = {"X": np.arange(40)}

    def run(engine):
        return jumpax.simulate(
            model.network, model.theta | {"birth": rates}, starts, times=[0.5, 2.0], paths=40, key=4, engine=engine
        )

    same_paths(run("cpu"), run("xla"))


@pytest.mark.long
def test_expectation_calls_it_from_inside_jax():
    model = jumpax.zoo.association(start=(20, 20), k_on=0.05)
    theta = {k: jnp.float32(v) for k, v in model.theta.items()}
    both = {
        engine: jumpax.expectation(
            jumpax.Moments("C"),
            model.network,
            model.x0,
            times=[1.0],
            paths=500,
            engine=engine,
            gradient=jumpax.ScoreFunction(),
        )
        for engine in ("cpu", "xla")
    }

    def all_of(mean):
        def f(k):
            return mean({**theta, "k_off": k}, jax.random.key(2))[0, 0, 0]

        rates = jnp.array([0.5, 1.0, 2.0])
        return jnp.concatenate([
            f(1.0)[None], jax.grad(f)(1.0)[None],
            jax.vmap(f)(rates), jax.jit(jax.vmap(jax.grad(f)))(rates),
        ])  # fmt: skip

    np.testing.assert_allclose(all_of(both["cpu"]), all_of(both["xla"]), rtol=2e-4)


def test_what_cannot_be_printed_is_named_and_runs_elsewhere():
    def wavy(X, k):
        return k * X * (1.5 + jnp.sin(X))

    network = jumpax.Network([jumpax.Reaction("X -> 0", wavy)])
    with pytest.raises(jumpax.UnsupportedError, match="sin"):
        jumpax.simulate(network, {"k": 1.0}, {"X": 9}, times=[1.0], paths=8, key=0, engine="cpu")
    with pytest.warns(jumpax.JumpaxWarning, match="'sin'.*") as noted:
        run = jumpax.simulate(network, {"k": 1.0}, {"X": 9}, times=[1.0], paths=8, key=0)
    assert len(noted) == 1
    assert run.provenance["engine"] == "xla"


def test_exponentials_of_jax_are_printed_as_ours():
    def saturating(X, k):
        return k * (1.0 - jnp.exp(-X / 4.0)) + 0.1 * X * jnp.log(1.0 + X) + 0.0 * jnp.sqrt(X) * X**1.5

    network = jumpax.Network([jumpax.Reaction("X -> 0", saturating)])
    cpu, xla = (
        jumpax.simulate(network, {"k": 1.0}, {"X": 30}, times=[2.0], paths=200, key=0, engine=engine)
        for engine in ("cpu", "xla")
    )
    np.testing.assert_array_equal(cpu.counts, xla.counts)


def test_it_is_the_default_up_to_a_size():
    model = jumpax.zoo.birth_death(end=1.0)
    run = jumpax.simulate(model.network, model.theta, model.x0, times=[1.0], paths=8, key=0)
    assert run.provenance["engine"] == "cpu"
    ring = jumpax.zoo.driven_ring(sites=160)
    program = Program(ring.network, Snapshots(), "float32")
    assert operations(program) > LARGEST
    assert engine_for(program, None).name == "xla"


def test_a_kernel_is_read_back_from_the_disk():
    model = jumpax.zoo.sir()
    run = lambda: jumpax.simulate(model.network, model.theta, model.x0, times=[1.0], paths=8, key=0, engine="cpu")  # noqa: E731
    first = run()
    forget_kernels()
    begin = time.perf_counter()
    again = run()
    assert time.perf_counter() - begin < 3.0
    same_paths(first, again)
