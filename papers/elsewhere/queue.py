"""M/M/c queues: how fast must servers be for a mean waiting time that is wanted?"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq

import jumpax
from common.item import Item
from jumpax import MassAction, Network, Reaction
from jumpax.plots import new_figure, style


@functools.cache
def queue(servers: int) -> Network:
    """Q customers, waiting or served; at most `servers` are served at a time, each at the rate `service`."""

    def served(Q, service):
        return service * jnp.minimum(Q, float(servers))

    return Network([Reaction("0 -> Q", MassAction("arrival")), Reaction("Q -> 0", served)], name=f"M/M/{servers}")


def erlang_c_wait(servers: int, arrival: float, service: float) -> float:
    """Mean waiting time before service. Source: Erlang (1917); Kleinrock, Queueing Systems I (1975), section 3.5."""
    load = arrival / service
    terms = [load**k / math.factorial(k) for k in range(servers)]
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(terms) + last) / (servers * service - arrival)


def exact_service(servers: int, arrival: float, wait: float) -> float:
    """The rate of service at which the mean waiting time is `wait`."""
    least = arrival / servers
    return brentq(lambda s: erlang_c_wait(servers, arrival, s) - wait, least * (1 + 1e-6), 1e3 * arrival, xtol=1e-14)


def _design(settings, servers: int, target: float) -> dict:
    """Newton's method on the logarithm of the waiting time, with a fresh simulation at each step."""
    arrival, network = settings["arrival"], queue(servers)

    def waiting(counts):
        return jnp.maximum(counts["Q"] - float(servers), 0.0)

    mean = jumpax.steady_state(
        waiting, network, {"Q": 0}, settle=settings["settle"], time=settings["time"], paths=settings["paths"]
    )

    @jax.value_and_grad
    def log_wait(u, key):  # by Little's law; u > 0 keeps the queue from growing for ever
        service = arrival / servers * (1 + jnp.exp(u))
        return jnp.log(mean({"arrival": arrival, "service": service}, key) / arrival)

    u, key, track = jnp.asarray(0.0), jax.random.key(settings["seed"]), []
    for step in range(settings["steps"]):
        value, slope = log_wait(u, jax.random.fold_in(key, step))
        u = u - jnp.clip((value - np.log(target)) / slope, -1.0, 1.0)
        track.append(float(arrival / servers * (1 + jnp.exp(u))))
    tail = np.array(track[len(track) // 2 :])
    found, exact = tail.mean(), exact_service(servers, arrival, target)
    wait = erlang_c_wait(servers, arrival, found)
    return {
        "service": found, "error": tail.std(ddof=1) / np.sqrt(len(tail)), "exact": exact, "off": abs(found / exact - 1),
        "wait": wait, "target": target, "wait_off": abs(wait / target - 1), "track": track,
        "load": arrival / (servers * found),
    }  # fmt: skip


def _parts(settings):
    return {
        f"{servers} servers, wait {target:g}": lambda c=servers, w=target: _design(settings, c, w)
        for servers, target in settings["cases"]
    }


def _combine(settings, found):
    return {
        "cases": found, "worst_off": max(row["off"] for row in found.values()),
        "worst_wait_off": max(row["wait_off"] for row in found.values()),
        "worst_z": max(abs(row["service"] - row["exact"]) / row["error"] for row in found.values()),
    }  # fmt: skip


def _draw(settings, results):
    figure = new_figure(5.2, 3.6)
    with style():
        axes = figure.subplots()
        for colour, (name, row) in zip(("C0", "C1", "C2", "C3"), results["cases"].items(), strict=False):
            axes.plot(np.array(row["track"]) / row["exact"], "o-", ms=3, lw=1, color=colour, label=name)
        axes.axhline(1, color="k", lw=0.8)
        axes.set(xlabel="step", ylabel="rate of service over exact", title="M/M/c: waiting time as wanted")
        axes.legend()
    return figure


ITEM = Item(
    title="M/M/c queue: rate of service for a wanted waiting time, against Erlang C",
    settings={
        "arrival": 1.0, "cases": [[1, 2.0], [3, 0.5], [3, 1.5], [8, 0.2]], "steps": 16, "settle": 250.0, "time": 4000.0, "paths": 64,
        "seed": 20261123,
    },
    tiny={"cases": [[2, 1.0]], "steps": 4, "settle": 20.0, "time": 60.0, "paths": 4},
    parts=_parts,
    combine=_combine,
    draw=_draw,
)  # fmt: skip
