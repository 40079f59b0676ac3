"""The CPU engine: printed kernels follow the others, are SIMD code, and refuse by name what they cannot print."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jumpax
from jumpax.engines import choice
from jumpax.engines.cpu import operations
from jumpax.engines.cpu.kernel import shape_of, write
from jumpax.engines.native.machine import assembly, machine_for, simplify
from jumpax.engines.program import Program
from jumpax.folds import Score, Snapshots, Tangent, Together
from tables import same_paths
from targets import TARGETS


def folds_of(network):
    return {
        "plain": Snapshots(),
        "score": Together((Snapshots(), Score(network, network.parameters))),
        "tangent": Together((Snapshots(), Tangent(network, network.parameters[:1]))),
    }


REGISTERS = {"AVX-512": r"%zmm", "AVX2": r"%ymm", "NEON": r"\b[vq]\d+\b"}
PACKED = {"AVX-512": r"v(add|mul|sub|fmadd\w*)ps", "NEON": r"f(add|mul|sub|mla|mls)(\.4s|\tv)"}
SINGLE = {"AVX-512": r"v(add|mul|sub|fmadd\w*)ss", "NEON": r"f(add|mul|sub|madd|msub)\ts"}


def loop_of(program, target) -> list[str]:
    """Instructions of the largest loop body in the machine code of a kernel."""
    text = assembly(write(program, False, target.words), machine_for(target), simplify)
    blocks, current = {}, None
    for line in text[text.index("turns:") :].splitlines():
        if label := re.match(r"^(\.?[\w.$]+):", line):
            current = blocks.setdefault(label.group(1), [])
        elif current is not None and line.startswith("\t") and not line.strip().startswith("."):
            current.append(line.strip())
        if line.startswith((".Lfunc_end", "Lfunc_end")):
            break
    return max(blocks.values(), key=len)


def test_vectors_are_as_wide_as_registers():
    assert {name: target.words for name, target in TARGETS.items()} == {
        "AVX-512": 16, "AVX2": 8, "AVX2 on Windows": 8, "NEON": 4, "NEON on macOS": 4,
    }  # fmt: skip
    assert [shape_of("float32", lines, 16) for lines in (100, 500, 5000)] == [(16, 4), (16, 2), (16, 1)]
    assert [shape_of("float64", lines, 16) for lines in (100, 500, 5000)] == [(16, 2), (16, 1), (8, 1)]


@pytest.mark.parametrize(
    ("target", "name", "fold"),
    [("AVX-512", name, fold) for name in jumpax.zoo.MODELS for fold in ("plain", "score")]
    + [(target, name, "plain") for target in ("AVX2", "NEON") for name in jumpax.zoo.MODELS]
    + [(target, "repressilator", "tangent") for target in TARGETS]
    + [pytest.param("AVX-512", name, "tangent", marks=pytest.mark.long) for name in jumpax.zoo.MODELS],
)
def test_loops_are_vector_code(target, name, fold):
    model = jumpax.zoo.MODELS[name]()
    body = loop_of(Program(model.network, folds_of(model.network)[fold], "float32"), TARGETS[target])
    kind, family = target.partition(" on ")[0], "NEON" if "NEON" in target else "AVX-512"
    wide = [line for line in body if re.search(REGISTERS[kind], line)]
    packed, single = ([line for line in body if re.match(w[family], line)] for w in (PACKED, SINGLE))
    assert len(wide) > 0.6 * len(body), "a turn is vector code, at the full width of the registers"
    assert len(packed) > 40
    assert not single, "no lane is worked on alone"
    assert not [line for line in body if re.match(r"(call|blr?)\b", line)], "a turn calls nothing"


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


def test_it_is_the_default_up_to_a_size(monkeypatch):
    model = jumpax.zoo.birth_death(end=1.0)
    run = jumpax.simulate(model.network, model.theta, model.x0, times=[1.0], paths=8, key=0)
    assert run.provenance["engine"] == "cpu"
    program = Program(jumpax.zoo.driven_ring(sites=160).network, Snapshots(), "float32")
    assert choice.engine_for(program, None).name == "tables"
    monkeypatch.setattr(choice, "LARGE", 1_000)
    assert 5_000 < operations(program) < choice.LARGEST
    assert choice.engine_for(program, None).name == "cpu"
    monkeypatch.setattr(choice, "LARGEST", 5_000)
    choice._default.cache_clear()
    assert choice.engine_for(program, None).name == "xla"
    choice._default.cache_clear()
