"""The first result: processor seconds of a fresh process, with empty caches and with full ones, beside the peers' own.

Of jumpax what is beyond importing JAX and compiling one jitted line (given apart), least of some repetitions; of the peers all
of the process, up to the first path.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import peers_run

MODELS = ("dimerization", "telegraph", "repressilator", "vilar_oscillator")
PEERS = {"bngsim": "", "gillespy2": "SSACSolver", "gillespy2 in NumPy": "NumPySSASolver"}
PEER_MODELS = {"dimerization": "dimer", "telegraph": "telegraph", "repressilator": "repressilator"}

BEGIN = """
import resource, sys, warnings
def spent():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)
import jax
jax.jit(lambda x: x + 1)(1.0).block_until_ready()
before = spent()
import jumpax
"""
MODEL = """
model = jumpax.zoo.{model}()
given = model.network, model.theta, model.x0
def expected(gradient):
    seen = jumpax.Moments(*model.x0)
    return jumpax.expectation(seen, model.network, model.x0, [1.0], paths=1000, gradient=gradient).estimate(model.theta, 0)
"""
FIRSTS = {
    "import": "jumpax.simulate",
    "simulate": MODEL + "jumpax.simulate(*given, times=[1.0], paths=1000, key=0).counts",
    "score": MODEL + "expected(jumpax.ScoreFunction())",
    "automatic gradient": MODEL + "expected(jumpax.Automatic(exact=False))",
    "fit": MODEL
    + """
import numpy as np
draws = np.random.default_rng(0)
cells = draws.poisson(25.0 * draws.beta(1.8, 2.0, 600))  # the law at rest
free = {name: jumpax.Free(value) for name, value in (("k_on", 1.0), ("k_off", 1.0), ("k_tx", 10.0))}
data = jumpax.losses.LogLikelihood("M", cells, np.full(600, 10.0))
warnings.simplefilter("ignore")
jumpax.fit(jumpax.Problem(model.network, model.x0, data, free | {"gamma": jumpax.Fixed(1.0)}))
""",
    "jumpax simulate": "from jumpax.cli.app import main\nmain(['simulate', '{model}', '--times', '1', '--paths', '1000'])",
}
"""What is done first, by name."""
END = "\nprint('spent', before, spent() - before)"
ONE_MODEL = {"import": MODELS[:1], "fit": ("telegraph",)}
"""Those that are not tried on all models."""


def first(what: str, model: str, cache: str) -> tuple[float, float]:
    """Processor seconds of a fresh process for JAX, and for the first result beyond that."""
    text = BEGIN + FIRSTS[what].replace("{model}", model) + END
    done = subprocess.run(
        [sys.executable, "-c", text],
        env=os.environ | {"JUMPAX_CACHE": cache},
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode:
        raise RuntimeError(f"{what} of {model} failed: {done.stderr[-2000:]}")
    jax, own = done.stdout.rpartition("spent ")[2].split()
    return float(jax), float(own)


def own(what: str, model: str, repetitions: int) -> dict:
    """One row of jumpax."""
    cold, cached, base = [], [], []
    for _ in range(repetitions):
        with tempfile.TemporaryDirectory() as cache:
            for times in (cold, cached):
                jax, beyond = first(what, model, cache)
                times.append(beyond)
                base.append(jax)
    return {"tool": "jumpax", "what": what, "model": model, "cold": min(cold), "cached": min(cached), "jax": min(base)}


def peer(name: str, model: str, folder: Path) -> dict:
    """One row of a peer: everything from the start of its process to its first path."""
    tool = name.partition(" ")[0]
    script = peers_run.HERE / f"peer_{tool}.py"
    words = [PEER_MODELS[model], "1", "--repetitions", "1", "--variant", PEERS[name]]
    done = subprocess.run(
        [peers_run.interpreter(tool, folder), str(script), *words],
        capture_output=True,
        text=True,
        cwd=peers_run.HERE,
        timeout=900,
    )
    answers = [line for line in done.stdout.splitlines() if line.startswith("{")]
    found = json.loads(answers[-1]) if answers else {"error": done.stderr.strip()[-300:]}
    row = {"tool": name, "what": "simulate", "model": model, "cold": found.get("cold_cpu_seconds")}
    return row | {key: found[key] for key in ("version", "error") if found.get(key)}


def run(tiny: bool, folder: Path, tell: Callable[[str], None]) -> list[dict]:
    """All first results of jumpax; in full size the peers' too."""
    rows = []
    for what in ("simulate",) if tiny else FIRSTS:
        for model in MODELS[:1] if tiny else ONE_MODEL.get(what, MODELS):
            rows.append(own(what, model, 1 if tiny else 3))
            row = rows[-1]
            tell(
                f"{model:18s} {what:20s} cold {row['cold']:6.2f} s  cached {row['cached']:6.2f} s  (JAX {row['jax']:.2f} s)"
            )
    for model in () if tiny else PEER_MODELS:
        for name in PEERS:
            rows.append(peer(name, model, folder))
            tell(f"{model:18s} {name:20s} cold {rows[-1]['cold'] or float('nan'):6.2f} s  {rows[-1].get('error', '')}")
    return rows
