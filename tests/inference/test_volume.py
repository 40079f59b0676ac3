"""Two unknowns from mean and variance at one time: the rate of unbinding, and the volume that sets the rate of binding.

Soon after a start near equilibrium the mean says how much the two rates differ, the variance how large they are together.
"""

import numpy as np
import pytest

import jumpax
import references
from jumpax.inference import Free, Problem, Simulation, fit, losses

VOLUME, K_OFF, TIME, CELLS = 20.0, 1.0, 0.1, 4000


def cells():
    """Complexes counted in each of the cells: 20 molecules of A and of B, half of them bound at the start."""
    n, up, down = references.association_rates(20, 20, VOLUME, 1.0, K_OFF)
    generator = references.birth_death_generator(up, down)
    law, _ = references.transient_with_gradient(generator, 0 * generator, references.point_mass(21, 10), TIME)
    return np.random.default_rng(20261120).choice(n, CELLS, p=law / law.sum())


@pytest.mark.long
def test_volume_and_rate_from_mean_and_variance():
    network = jumpax.Network([
        jumpax.Reaction("A + B -> C", lambda A, B, volume: A * B / volume),
        jumpax.Reaction("C -> A + B", jumpax.MassAction("k_off")),
    ])  # fmt: skip
    problem = Problem(
        network, {"A": 10, "B": 10, "C": 10}, losses.MomentMatch("C", cells(), np.full(CELLS, TIME)),
        {"volume": Free(10.0), "k_off": Free(3.0)}, source=Simulation(paths=4000, batches=8),
    )  # fmt: skip
    result = fit(problem, key=20261120)
    assert result.converged
    for name, truth in {"volume": VOLUME, "k_off": K_OFF}.items():
        error = np.hypot(result.standard_errors[name], result.simulation_errors[name])
        # standard errors by the exact law: 4.5 % of the volume, 2.4 % of the rate; |z| > 4 in 6e-5 of data sets
        assert error < 0.1 * truth
        assert abs(result.estimates[name] - truth) < 4 * error
