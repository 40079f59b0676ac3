"""How many nodes a dead time needs: densities of apparent open times of two states beside their exact series."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
import schemes

from jumpax._base.errors import InputError
from jumpax.channels import Dwells, dwell_density, dwell_log_likelihood

TIMES = np.array([1.0, 1.3, 2.5, 6.2, 20.6])
"""Dead times."""


def exact(leave, back, time):
    """Density of apparent dwells of a state that is left at a rate and come back to at another, with a dead time of 1.

    Of being seen at the state a time u after the first dead time the Laplace transform is
    1 / (s + leave - leave back (1 - exp(-s - back)) / (s + back)): a sum of residues for each delay of m <= u.
    """
    with localcontext() as digits:
        digits.prec = 120
        leave, back, later = Decimal(leave), Decimal(back), Decimal(float(time)) - 1
        seen = Decimal(0)
        for missed in range(math.floor(later) + 1):
            left, both, order = later - missed, leave + back, missed + 1
            parts = residue(Decimal(0), both, back, left, order) + residue(-both, -both, back, left, order)
            seen += (-leave * back * (-back).exp()) ** missed * parts
        return float(leave * (-back).exp() * seen)


def residue(pole, gap, back, time, order):
    """Of exp(s time) (s + back) / (s (s + leave + back))^order at one pole, which lies so far from the other."""
    power = [(-1) ** k * math.comb(order + k - 1, k) * gap ** (-order - k) for k in range(order)]
    growth = [time**k / math.factorial(k) if k else Decimal(1) for k in range(order)]
    product = [sum((power[k] * growth[j - k] for k in range(j + 1)), Decimal(0)) for j in range(order)]
    return (pole * time).exp() * ((pole + back) * product[-1] + (product[-2] if order > 1 else 0))


def error(leave, back, nodes):
    """The largest relative error of a density."""
    space = schemes.space_of([("C -> O", "open"), ("O -> C", "shut")], {"C": 1})
    theta = {"open": float(back), "shut": float(leave)}
    found = np.asarray(dwell_density(space, theta, 1, TIMES, {"O": 1}, 1.0, nodes=nodes))
    return np.abs(found / [exact(leave, back, time) for time in TIMES] - 1).max()


@pytest.mark.parametrize(("rate", "nodes", "most"), [(4, 16, 1e-10), (8, 16, 1e-6), (16, 16, 2e-4), (16, 24, 1e-7)])
def test_errors_are_below_what_is_documented(rate, nodes, most):
    for leave, back in ((rate, rate), (rate // 2, rate), (rate, rate // 2)):
        assert error(leave, back, nodes) < most


def test_fewer_nodes_than_any_rate_needs_are_refused():
    """With 4 nodes a density was wrong by several per cent at 2 / dead time."""
    space, theta, level = schemes.castillo_katz()
    for nodes in (4, 15, 16.0):
        with pytest.raises(InputError, match="at least 16 nodes are needed"):
            dwell_log_likelihood(space, theta, Dwells([1.0], [0]), level, 1e-3, nodes=nodes)
