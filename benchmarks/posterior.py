"""Posteriors of single records beside a peer: `python benchmarks/posterior.py [--json] [--out FILE] [--tiny]`.

lotka_volterra   three rates from 16 times of both species with normal noise of sd 10, which is known. Effective draws of the worst parameter per
                 second: of `jumpax.posterior` (particle Metropolis and particle MALA, after their warm-up, and with it), on all cores; and of
                 jsmfsb's exact particle Metropolis as in its demonstration (100 particles, random walk of sd 0.01 in log parameters), if it is
                 installed. Its iteration is timed over some of them after compilation. How many effective draws an iteration is worth
                 is told by the same chain on our filters, for both have the same law.

The record is `lv_noise_10` of jsmfsb (darrenjw/jax-smfsb, Apache-2.0).
"""

import argparse
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jumpax
from jumpax import Fixed, Free, MassAction, Network, Poisson, Reaction, RecordProblem, priors
from jumpax.inference.posterior.chains import Keys, Move, stand, step
from jumpax.inference.posterior.diagnostics import trust
from jumpax.inference.posterior.filter_target import FilterTarget
from jumpax.records import Normal

sys.path.insert(0, str(Path(__file__).parent))
from run import hardware

TIMES = np.arange(0.0, 31.0, 2.0)
PREY = [34.19903, 156.54757, 267.77267, 86.40285, 46.47921, 55.24121, 198.35381, 305.98165, 31.67898, 29.13059, 89.27934, 313.28117,
        86.99446, 28.49763, 36.1994, 136.51468]  # fmt: skip
PREDATOR = [98.11945, 86.52563, 260.94433, 345.20318, 146.85739, 68.51684, 53.08404, 337.47268, 359.75207, 116.8826, 35.02892, 129.03995,
            503.42103, 191.07711, 64.5457, 40.89381]  # fmt: skip
MIDDLE = {"birth": 0.955, "predation": 0.00487, "death": 0.617}
"""About the mean of the posterior, where the peer's chain is timed."""
MAX_EVENTS = 50_000
"""Of one path between two records, which has some 1,000: prey without predators explode."""


def problem() -> RecordProblem:
    """Wide priors: a factor of e either way."""
    network = Network([
        Reaction("X -> 2 X", MassAction("birth")), Reaction("X + Y -> 2 Y", MassAction("predation")), Reaction("Y -> 0", MassAction("death")),
    ])  # fmt: skip
    record = jumpax.Records(
        TIMES, {"prey": PREY, "predator": PREDATOR}, Normal(10.0), of={"prey": "X", "predator": "Y"}
    )
    free = {
        name: Free(value, prior=priors.LogNormal(value, 1.0))
        for name, value in (("birth", 1.0), ("predation", 0.005), ("death", 0.6))
    }
    return RecordProblem(
        network, {"X": Poisson("x"), "Y": Poisson("y")}, record, {**free, "x": Fixed(50.0), "y": Fixed(100.0)}
    )


def ours(method: str, draws: int, chains: int, seed: int, **more: Any) -> dict[str, Any]:
    """`jumpax.posterior` as it is."""
    begin = time.perf_counter()
    found = jumpax.posterior(
        problem(), key=seed, method=method, draws=draws, chains=chains, max_events=MAX_EVENTS, **more
    )  # type: ignore[arg-type]
    whole, (name, effective) = time.perf_counter() - begin, found.least()
    return {
        "what": f"jumpax {method}", "draws": draws * chains, "worst": name, "effective": effective, "seconds": found.seconds, "with warm-up": whole,
        "effective per second": effective / found.seconds, "with warm-up per second": effective / whole, "particles": found.notes["particles"],
        "variance": found.notes["variance of the log-likelihood"], "accepted": found.notes["accepted"], "mean": found.mean(), "sd": found.sd(),
        "largest R-hat": max(one.rhat for one in found.trust.values()), "lost": found.notes.get("lost particles, EVENT_BUDGET", 0),
    }  # fmt: skip


def worth(iterations: int, chains: int, seed: int) -> float:
    """Effective draws of one iteration of the peer's chain: a random walk of sd 0.01 in the logarithms, 100 particles; by our filters."""
    target = FilterTarget(problem(), 100, None, {"max_events": MAX_EVENTS})
    middle = target.prior.unconstrained(MIDDLE)
    keys, generator = Keys((np.array([1], np.uint32), np.array([seed], np.uint32)), chains), np.random.default_rng(seed)
    spread = np.array([0.036, 0.03, 0.034])  # of the posterior, so that the chains begin with about its law
    state = stand(target, middle + spread * generator.standard_normal((chains, 3)), keys.take(), False)
    seen = []
    for _ in range(iterations):
        state, _, _ = step(target, state, Move(np.eye(3), 0.01, drift=False), generator, keys.take())
        seen.append(state.points)
    draws = np.stack(seen, 1)
    return min(trust(draws[..., i]).ess_bulk for i in range(3)) / (iterations * chains)


def peer(iterations: int) -> float:
    """Seconds of one iteration of jsmfsb's chain."""
    import jsmfsb

    def step(key, x, t, dt, th):
        return jsmfsb.models.lv(th).step_gillespie()(key, x, t, dt)

    def start(key, t0, th):
        first, second = jax.random.split(key)
        return jnp.array([jax.random.poisson(first, 50), jax.random.poisson(second, 100)]).astype(jnp.float32)

    def log_density(x, t, y, th):
        return jnp.sum(jax.scipy.stats.norm.logpdf(y - x, scale=10))

    data = jnp.array(np.stack([TIMES, PREY, PREDATOR], 1))
    likelihood = jsmfsb.pf_marginal_ll(100, start, 0, step, log_density, data)
    th = jnp.array(list(MIDDLE.values()))
    likelihood(jax.random.key(0), th).block_until_ready()  # compiles
    begin = time.perf_counter()
    for number in range(iterations):
        moved = th * jnp.exp(0.01 * jax.random.normal(jax.random.key(number), 3))
        likelihood(jax.random.key(1000 + number), moved).block_until_ready()
    return (time.perf_counter() - begin) / iterations


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--out", type=Path, help="write the results to this file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--draws", type=int, default=2000, help="of each of 16 chains of particle Metropolis; half as many of MALA"
    )
    parser.add_argument("--tiny", action="store_true", help="a few steps, to see that it works")
    asked = parser.parse_args()
    small: dict[str, Any] = {"warm_up": 5, "particles": 50} if asked.tiny else {}
    draws, chains = (4, 4) if asked.tiny else (asked.draws, 16)
    found = [ours("pmmh", draws, chains, asked.seed, **small), ours("mala", draws // 2, chains, asked.seed, **small)]
    try:
        seconds = peer(1 if asked.tiny else 10)
        each = worth(10 if asked.tiny else 3 * asked.draws // 4, chains, asked.seed)
        found.append({"what": f"jsmfsb {version('jsmfsb')} pmmh", "effective per iteration": each, "seconds per iteration": seconds,
                      "effective per second": each / seconds})  # fmt: skip
    except ImportError:
        found.append({"what": "jsmfsb", "missing": "pip install jsmfsb"})
    document = {"hardware": hardware(), "results": found}
    if asked.out:
        asked.out.write_text(json.dumps(document, indent=1) + "\n")
    if asked.json:
        print(json.dumps(document, indent=1))
        return
    for row in found:
        print(
            "  ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
            )
        )


if __name__ == "__main__":
    main()
