"""Populations, epidemics, queues."""

import jax.numpy as jnp

from jumpax._base.types import Real
from jumpax.networks.laws import Function, MassAction
from jumpax.networks.network import Network
from jumpax.networks.reaction import Reaction
from jumpax.networks.zoo.model import Model, grid


def pure_birth(birth: float = 1.0, start: int = 1, end: float = 3.0) -> Model:
    """Every individual has offspring: `X -> 2 X`; X(t) is geometric for one ancestor, with mean exp(birth t).

    Source: Yule (1925), https://doi.org/10.1098/rstb.1925.0002.

    Args:
        birth: 1/time, per individual.
        start: individuals.
        end: last time.
    """
    network = Network(
        [Reaction("X -> 2 X", MassAction("birth"), name="birth_of_X")], name="pure_birth", units={"birth": "1/time"}
    )
    return Model(network, {"birth": birth}, {"X": start}, grid(end), "Yule (1925)")


def sir(
    beta: float = 2.18e-3, gamma: float = 0.44, start: tuple[int, int, int] = (762, 1, 0), end: float = 14.0
) -> Model:
    """Susceptible, infected, recovered. The default numbers are a usual fit to influenza in a school of 763 boys.

    Source: Kermack and McKendrick (1927), https://doi.org/10.1098/rspa.1927.0118; numbers: Murray, Mathematical
    Biology I (2002), section 10.2.

    Args:
        beta: 1/day, per pair of a susceptible and an infected (the size of the population is folded in).
        gamma: 1/day, per infected.
        start: S, I, R.
        end: last time, days.
    """
    reactions = [
        Reaction("S + I -> 2 I", MassAction("beta"), name="infection"),
        Reaction("I -> R", MassAction("gamma"), name="recovery"),
    ]
    units = {"beta": "1/day", "gamma": "1/day", "time": "day"}
    network = Network(reactions, species=("S", "I", "R"), name="sir", units=units)
    x0 = dict(zip(network.species, start, strict=True))
    return Model(network, {"beta": beta, "gamma": gamma}, x0, grid(end, 14), "Kermack and McKendrick (1927)")


def seir(
    beta: float = 5e-4,
    sigma: float = 0.2,
    gamma: float = 0.1,
    start: tuple[int, int, int, int] = (990, 0, 10, 0),
    end: float = 100.0,
) -> Model:
    """Susceptible, exposed, infectious, recovered; the numbers are ours (each of the first cases infects 5).

    Source of the structure: Kermack and McKendrick (1927), https://doi.org/10.1098/rspa.1927.0118.

    Args:
        beta: 1/day, per pair of a susceptible and an infectious (the size of the population is folded in).
        sigma: 1/day, per exposed: the inverse of the latent period.
        gamma: 1/day, per infectious.
        start: S, E, I, R.
        end: last time, days.
    """
    reactions = [
        Reaction("S + I -> E + I", MassAction("beta"), name="infection"),
        Reaction("E -> I", MassAction("sigma"), name="onset"),
        Reaction("I -> R", MassAction("gamma"), name="recovery"),
    ]
    theta = {"beta": beta, "sigma": sigma, "gamma": gamma}
    units = dict.fromkeys(theta, "1/day") | {"time": "day"}
    network = Network(reactions, species=("S", "E", "I", "R"), name="seir", units=units)
    x0 = dict(zip(network.species, start, strict=True))
    return Model(network, theta, x0, grid(end), "Kermack and McKendrick (1927)")


def lotka_volterra(
    birth: float = 0.5,
    predation: float = 0.0025,
    death: float = 0.3,
    start: tuple[int, int] = (71, 79),
    end: float = 50.0,
) -> Model:
    """Prey and predators; one of the two dies out in the end, with probability 1.

    Source: Lotka (1920), https://doi.org/10.1073/pnas.6.7.410; numbers: Boys, Wilkinson and Kirkwood (2008),
    https://doi.org/10.1007/s11222-007-9043-x.

    Args:
        birth: 1/time, per prey.
        predation: 1/time, per pair of prey and predator.
        death: 1/time, per predator.
        start: prey, predators.
        end: last time.
    """
    reactions = [
        Reaction("prey -> 2 prey", MassAction("birth"), name="birth_of_prey"),
        Reaction("prey + predator -> 2 predator", MassAction("predation"), name="meal"),
        Reaction("predator -> ∅", MassAction("death"), name="death_of_predator"),
    ]
    theta = {"birth": birth, "predation": predation, "death": death}
    network = Network(reactions, name="lotka_volterra", units=dict.fromkeys(theta, "1/time"))
    x0 = {"prey": start[0], "predator": start[1]}
    return Model(network, theta, x0, grid(end), "Boys, Wilkinson and Kirkwood (2008)")


def _service(customers: Real, service: Real) -> Real:
    """One server: busy whenever somebody is there."""
    return service * jnp.minimum(customers, 1.0)


def mm1_queue(arrival: float = 0.8, service: float = 1.0, start: int = 0, end: float = 50.0) -> Model:
    """One server, random arrivals, exponential service.

    The steady state is geometric with mean r / (1 - r), r = arrival / service < 1.
    Source: Kendall (1953), https://doi.org/10.1214/aoms/1177728975.

    Args:
        arrival: customers/time.
        service: customers/time while busy.
        start: customers.
        end: last time.
    """
    reactions = [
        Reaction("∅ -> customers", MassAction("arrival"), name="arrives"),
        Reaction("customers -> ∅", Function(_service), name="is_served"),
    ]
    units = {"arrival": "customers/time", "service": "customers/time"}
    network = Network(reactions, name="mm1_queue", units=units)
    return Model(network, {"arrival": arrival, "service": service}, {"customers": start}, grid(end), "Kendall (1953)")
