"""Events per second of the gpu engine, beside `xla` and stochastix on the same GPU; what the kernels are made of.

Sections, each written to the file as soon as it is measured: `rows` (model x precision x fold x number of paths),
`tuning` (threads of a block, bound on registers), `beside` (xla, stochastix, reverse mode of many parameters), `chi_square`
(distributions against the cpu engine), `kernels` (registers, instructions of a turn, arithmetic limit).

Device time is that of the GPU's own events round the kernel; `xla` and stochastix are timed on the wall, waiting for the
result, for runs that take long beside a launch. Events are counted as fired. Medians of five.
"""

import dataclasses
import functools
import importlib.metadata
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

import jumpax
from jumpax._base import random
from jumpax.engines import inputs as make_inputs
from jumpax.engines.choice import engine_named
from jumpax.engines.engine import AbstractEngine, precision_of
from jumpax.engines.gpu import CudaDevice, Gpu, cuda_trouble
from jumpax.engines.gpu import driver as gpu_driver
from jumpax.engines.program import Program, Times
from jumpax.folds import Score, Snapshots, Together

sys.path.insert(0, str(Path(__file__).parent / "peers"))
import models
from peer_jumpax import network as as_network

import gpu_instructions

MODELS = ("birth_death", "dimer", "telegraph", "repressilator", "vkbl")
FOLDS = ("states", "score", "straight_through")
SIZES = tuple(2**power for power in range(10, 25, 2))
REPETITIONS = 5
SECONDS = 1.0
"""About how long one run may take; sizes that would take longer are left out."""
CUT = {"vkbl": 20.0}
"""Models whose paths are cut at a time: the oscillator fires half a million events in full length."""
SHORT = {"dimer": 1.0, "telegraph": 2.0}
"""Models and times of the comparison of distributions, with about a hundred events a path."""


def until_of(model: str) -> float:
    """Time to which a model is run."""
    return CUT.get(model, models.get(model).until)


@dataclasses.dataclass(frozen=True)
class Case:
    """What is run."""

    model: str
    precision: str = "float32"
    fold: str = "states"

    def program(self) -> Program:
        network, stops = as_network(models.get(self.model)), Times((until_of(self.model),))
        folds: dict[str, Callable[[], tuple]] = {
            "states": lambda: (),
            "score": lambda: (Score(network, network.parameters),),
            "straight_through": lambda: (jumpax.StraightThrough().carried(network, network.parameters, stops),),
        }
        return Program(network, Together((Snapshots(), *folds[self.fold]())), self.precision)

    def inputs(self, program: Program, paths: int, seed: int, until: float | None = None) -> Any:
        model = models.get(self.model)
        theta = {name: model.parameters[name] for name in program.network.parameters}
        stops = Times((until or until_of(self.model),)).joined(program.fold)
        counts = np.array(list(model.start.values()), np.int32)
        return make_inputs.make(program, stops, random.key_words(seed), theta, counts, paths)


def on_device(engine: AbstractEngine, program: Program, paths: int) -> Callable[[Any], tuple]:
    """A compiled run that leaves events, a sum of all records, and the number of faulty paths."""

    def run(inputs: Any) -> tuple:
        made = engine.gather(program, inputs, paths)
        share = min(1024, paths)  # sums of so many paths fit into 32 bits
        touched = sum(jnp.sum(leaf.astype(jnp.float32)) for leaf in jax.tree.leaves(made.record))
        faulty = jnp.sum((made.status != jumpax.Status.REACHED) & (made.status != jumpax.Status.ABSORBED))
        return made.events.reshape(-1, share).sum(1), touched, faulty

    return jax.jit(run)


def clocked(run: Callable[[Any], tuple], inputs: Any, device: bool) -> tuple[int, float]:
    """Events fired, and seconds: of the kernel on the device's clock, or on the wall."""
    if device:
        with gpu_driver.driver().timed() as seconds:
            events, _, faulty = jax.block_until_ready(run(inputs))
        spent = sum(seconds)
    else:
        begin = time.perf_counter()
        events, _, faulty = jax.block_until_ready(run(inputs))
        spent = time.perf_counter() - begin
    if int(faulty):
        raise RuntimeError(f"{int(faulty)} paths are faulty")
    return int(np.asarray(events).sum(dtype=np.int64)), spent


def measure(case: Case, engine: AbstractEngine, sizes: tuple[int, ...], seconds: float) -> Iterator[dict]:
    """A row for each number of paths, until runs take too long."""
    program, device = case.program(), engine.name == "gpu"
    cost = 0.0
    with precision_of(program):
        for paths in sizes:
            if cost * paths > seconds:
                return
            run = on_device(engine, program, paths)
            inputs = [jax.device_put(case.inputs(program, paths, seed)) for seed in range(1 + REPETITIONS)]
            jax.block_until_ready(run(inputs[0]))
            made = [clocked(run, given, device) for given in inputs[1:]]
            cost = statistics.median(spent for _, spent in made) / paths
            yield dataclasses.asdict(case) | {
                "engine": engine.name, "paths": paths, "events_per_path": made[0][0] / paths,
                "events_per_second": statistics.median(events / spent for events, spent in made),
                "seconds": [spent for _, spent in made], "clock": "device" if device else "wall",
            }  # fmt: skip


def busy_share(case: Case, engine: AbstractEngine, paths: int) -> float:
    """Events over turns of threads: what is missing stood still, waited for its next path, or were cap and null turns."""
    program = case.program()
    with precision_of(program):
        inputs = case.inputs(program, paths, 1)
        lanes: Any = engine.start(program, inputs, paths)
        while engine.finished(lanes) < paths:
            lanes = engine.advance(program, inputs, lanes, 2**31 - 1)
        events = np.asarray(engine.collect(program, inputs, lanes).events).sum(dtype=np.int64)
        return float(events / np.asarray(lanes.turns).sum(dtype=np.float64))


def rows(engine: AbstractEngine, tiny: bool, tell: Callable[[str], None]) -> list[dict]:
    """The gpu engine on everything."""
    sizes, wanted = (SIZES, MODELS) if not tiny else ((64, 256), ("dimer",))
    cases = [Case(model, "float32", fold) for model in wanted for fold in FOLDS]
    cases += [Case(model, "float64") for model in wanted if not tiny]
    out = []
    for case in cases:
        for row in measure(case, engine, sizes, SECONDS if not tiny else 0.1):
            out.append(row)
            tell(told(row))
        out[-1]["busy_share"] = busy_share(case, engine, min(out[-1]["paths"], 2**20))
    return out


def told(row: dict) -> str:
    """One line."""
    return (
        f"{row['engine']:12s} {row['model']:14s} {row['precision']} {row['fold']:16s} 2^{np.log2(row['paths']):<4.0f} "
        f"{row['events_per_second']:10.3g} events/s"
    )


def tuning(engine: AbstractEngine, tiny: bool, tell: Callable[[str], None]) -> list[dict]:
    """Threads of a block and blocks that must fit at once; needs a GPU."""
    if engine.name != "gpu":
        return []
    out = []
    for model in ("dimer", "telegraph", "vkbl"):
        case, paths = Case(model), 2**20 if model != "vkbl" else 2**17
        for block in (32, 64, 128, 256):
            for threads in (0, 512, 640, 768, 1024):
                device = CudaDevice(block, threads // block)
                function = device.function(device.kernel(case.program(), False))
                row = next(measure(case, Gpu(device), (paths,), 100.0))
                row |= {"block": block, "threads_at_once": threads, "blocks": function.blocks_at_once(block)}
                row |= {"registers": function.attribute(gpu_driver.REGISTERS)}
                row |= {"local_bytes": function.attribute(gpu_driver.SPILLED)}
                out.append(row)
                tell(f"{told(row)}, blocks of {block}, {threads} threads wanted, {row['registers']} registers")
    return out


def beside(engine: AbstractEngine, tiny: bool, tell: Callable[[str], None]) -> list[dict]:
    """`xla`, stochastix, and reverse mode of many parameters, on the same device."""
    sizes, wanted = (SIZES[3:6], MODELS) if not tiny else ((64,), ("dimer",))
    out = []
    for model in wanted:
        for fold in FOLDS[:2] if not tiny else FOLDS[:1]:
            for row in measure(Case(model, "float32", fold), engine_named("xla"), sizes, 2.0):
                out.append(row)
                tell(told(row))
    for row in [*stochastix(sizes, wanted, out), *many_parameters(tiny)]:
        out.append(row)
        tell(told(row))
    return out


def stochastix(sizes: tuple[int, ...], wanted: tuple[str, ...], known: list[dict]) -> Iterator[dict]:
    """The JAX implementation of Mottes et al. 2026, if it is installed, on the wall.

    It does not count events; their law is that of the same model above, so their mean is taken from there.
    """
    try:
        import stochastix as peer
        from stochastix.kinetics import MassAction
    except ImportError:
        return
    for name in wanted:
        model = models.get(name)
        if not model.mass_action:
            continue
        side = lambda counts: " + ".join(f"{n} {s}" for s, n in counts.items()) or "0"  # noqa: E731
        factor = lambda r: float(np.prod([float(np.prod(range(1, n + 1))) for n in r.reactants.values()]))  # noqa: E731
        network = peer.ReactionNetwork([
            peer.Reaction(f"{side(r.reactants)} -> {side(r.products)}", MassAction(k=model.constant(r) * factor(r)), name=f"r{i}")
            for i, r in enumerate(model.reactions)
        ])  # fmt: skip
        start, solver = jnp.array([float(model.start[s]) for s in network.species]), peer.DirectMethod()

        until = until_of(name)

        def one(key, network=network, start=start, solver=solver, until=until):
            path = peer.faststochsimsolve(
                key, network, start, T=until, max_steps=10**8, solver=solver, save_propensities=False
            )
            return path.x[-1]

        many = jax.jit(jax.vmap(one))
        mean, cost = next(row["events_per_path"] for row in known if row["model"] == name), 0.0
        for paths in sizes:
            if cost * paths > 5.0:
                break
            keys = [jax.random.split(jax.random.PRNGKey(seed), paths) for seed in range(1 + REPETITIONS)]
            jax.block_until_ready(many(keys[0]))
            seconds = []
            for key in keys[1:]:
                begin = time.perf_counter()
                jax.block_until_ready(many(key))
                seconds.append(time.perf_counter() - begin)
            cost = statistics.median(seconds) / paths
            yield {"model": name, "precision": "float32", "fold": "states", "engine": "stochastix", "paths": paths,
                   "events_per_path": mean, "events_per_second": mean / cost, "seconds": seconds, "clock": "wall"}  # fmt: skip


def many_parameters(tiny: bool) -> Iterator[dict]:
    """Reverse mode of thousands of parameters on `xla`: forward alone, and forward with backward, on the wall.

    Genes that regulate each other by one matrix: births at rates beta sigmoid(W x + b), deaths at rates x; 532
    reactions and 71,288 parameters, or a few in tiny size.
    """
    genes, sizes = (266, (2**10, 2**12, 2**14)) if not tiny else (6, (16,))
    eye = np.eye(genes, dtype=int)
    shapes = {"W": (genes, genes), "b": genes, "beta": genes}
    family = jumpax.Family(np.hstack([eye, -eye]), _births_and_deaths, parameters=shapes, features=_weights)
    network, gradient = jumpax.Network(families=[family]), jumpax.TrapezoidalTangent(reverse=True)
    drawn = np.random.default_rng(0).normal(size=(genes, genes)) * 0.1 / np.sqrt(genes)
    params = {"W": jnp.asarray(drawn, jnp.float32), "b": jnp.zeros(genes), "beta": jnp.full(genes, 20.0)}
    parameters = sum(leaf.size for leaf in jax.tree.leaves(params))

    def loss(given: Any, key: Any, paths: int) -> tuple:
        mean = jumpax.expectation(
            jumpax.TimeAverage(), network, np.full(genes, 10), [1.0, 2.0], paths=paths, gradient=gradient
        )
        made = mean.values(given, key)
        return jnp.mean(made.values[:, 1] ** 2), (made.events, jnp.sum(made.status != jumpax.Status.REACHED))

    for paths in sizes:
        runs = {"forward": jax.jit(functools.partial(loss, paths=paths))}
        runs["forward_backward"] = jax.jit(jax.value_and_grad(functools.partial(loss, paths=paths), has_aux=True))
        for fold, run in runs.items():
            jax.block_until_ready(run(params, jax.random.key(0)))
            made = []
            for seed in range(1, 1 + REPETITIONS):
                begin = time.perf_counter()
                result = jax.block_until_ready(run(params, jax.random.key(seed)))
                spent = time.perf_counter() - begin
                events, faulty = result[1] if fold == "forward" else result[0][1]
                if int(faulty):
                    raise RuntimeError(f"{int(faulty)} paths are faulty")
                made.append((int(np.asarray(events).sum(dtype=np.int64)), spent))
            yield {
                "model": f"{2 * genes} reactions", "precision": "float32", "fold": fold, "engine": "xla", "paths": paths,
                "parameters": parameters, "events_per_path": made[0][0] / paths,
                "events_per_second": statistics.median(events / spent for events, spent in made),
                "seconds": [spent for _, spent in made], "clock": "wall",
            }  # fmt: skip


def _births_and_deaths(counts: Any, params: Any, u: Any) -> tuple:
    return params["beta"] * jax.nn.sigmoid(u + params["b"]), counts


def _weights(params: Any) -> Any:
    return params["W"]


def chi_square(engine: AbstractEngine, tiny: bool, tell: Callable[[str], None]) -> dict:
    """Counts at a time against the cpu engine under another key; and under the same key, how many paths part."""
    total, size = (100_000_000, 2**22) if not tiny else (4000, 2**10)
    out = {}
    for name, until in SHORT.items() if not tiny else [("dimer", SHORT["dimer"])]:
        case, program, observed = Case(name), Case(name).program(), -1

        @jax.jit
        def counted(inputs, program=program, observed=observed):
            return jnp.bincount(engine.gather(program, inputs, size).counts[:, observed], length=512)

        runs = -(-total // size)
        histogram = np.zeros(512, np.int64)
        for seed in range(runs):
            histogram += np.asarray(counted(case.inputs(program, size, 1000 + seed, until)))
        model = models.get(name)
        theta = {k: model.parameters[k] for k in program.network.parameters}
        options = {"times": [until], "precision": "float32", "engine": "cpu"}
        other = np.zeros(512, np.int64)
        for seed in range(runs):
            made = jumpax.simulate(program.network, theta, model.start, paths=size, key=5000 + seed, **options)
            other += np.bincount(made.counts[:, 0, observed], minlength=512)
        keep = histogram + other >= 20
        table = np.array([[*h[keep], h[~keep].sum()] for h in (histogram, other)])
        table = table[:, table.sum(0) > 0]
        test = stats.chi2_contingency(table, correction=False)
        same = jumpax.simulate(program.network, theta, model.start, paths=size, key=1, engine=engine.name, **{
            k: v for k, v in options.items() if k != "engine"
        })  # fmt: skip
        here = jumpax.simulate(program.network, theta, model.start, paths=size, key=1, **options)
        out[name] = {
            "paths": runs * size, "until": until, "chi_square": float(test.statistic), "cells": table.shape[1],
            "p_value": float(test.pvalue), "paths_compared": size,
            "paths_that_part": int((same.end_times != here.end_times).sum()),
        }  # fmt: skip
        tell(f"{name}: {runs * size} paths, p = {test.pvalue:.3g}; {out[name]['paths_that_part']} of {size} part")
    return out


def hardware() -> dict:
    """What it ran on."""
    device = jax.devices()[0]
    found = {"device": device.device_kind, "platform": device.platform}
    try:
        query = ["nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,clocks.sm", "--format=csv,noheader"]
        found["driver and clocks"] = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        pass
    return found


def commit() -> str:
    """The commit that is measured."""
    folder = Path(__file__).parent
    made = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=False)
    return made.stdout.strip() or "unknown"


SECTIONS: dict[str, Callable[..., Any]] = {
    "rows": rows, "chi_square": chi_square, "beside": beside, "tuning": tuning,
}  # fmt: skip


def run(tiny: bool, only: str | None, out: Path | None, tell: Callable[[str], None] = print) -> dict:
    """Measure, writing what there is after every section; other sections of a file that is there are kept."""
    trouble = cuda_trouble()
    if trouble:
        tell(f"No GPU: {trouble}.")
        tell(
            "The same kernels run on this processor, thread by thread, to show that all of this works; no numbers to quote."
        )
        tiny = True
    engine = engine_named("gpu_on_host" if trouble else "gpu")
    made = json.loads(out.read_text()) if out is not None and only and out.exists() else {}
    versions = {name: importlib.metadata.version(name) for name in ("jumpax", "jax", "llvmlite")}
    made |= {"hardware": hardware(), "versions": versions, "commit": commit(), "tiny": tiny}
    made["kernels"] = gpu_instructions.table([Case(m, p, f) for m in MODELS for p, f in (
        ("float32", "states"), ("float32", "score"), ("float32", "straight_through"), ("float64", "states"))]
        if not tiny else [Case("dimer")])  # fmt: skip
    for name, section in SECTIONS.items():
        if only in (None, name):
            begin = time.perf_counter()
            made[name] = section(engine, tiny, tell)
            tell(f"{name}: {time.perf_counter() - begin:.0f} s")
            if out is not None:
                out.write_text(json.dumps(made, indent=1) + "\n")
    return made
