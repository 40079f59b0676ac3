"""Combinations of parameters that data determine where they do not determine the parameters."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import qr

from jumpax.inference.abstract_problem import AbstractProblem
from jumpax.inference.information import Information
from jumpax.inference.optimiser import LEAST
from jumpax.inference.parameters import LOG_BOX

SIMPLE = (0.0, 0.5, 1.0, 2.0)
"""Exponents that are taken for those nearby."""
CLOSE = 0.06
"""How near."""
USEFUL = 1.0
"""Largest standard error that is told, in units of the parameter solved for."""


class Combination(NamedTuple):
    """A function of several parameters, and how well it is known."""

    name: str
    """In plain form: `k_on / k_off`."""
    standard_error: float
    relative: bool
    """Whether the error is relative, that is, of the logarithm of a product of powers."""

    def __str__(self) -> str:
        """In words."""
        if not self.relative:
            return f"{self.name} to ± {self.standard_error:.2g}"
        size = f"{100 * self.standard_error:.2g} %" if self.standard_error < 0.5 else f"e^{self.standard_error:.2g}"
        return f"{self.name} to {size}"


def combinations(problem: AbstractProblem, information: Information) -> tuple[Combination, ...]:
    """Those of several free parameters that are known; empty if none, or all parameters, are determined.

    A combination c . u of the unconstrained parameters is determined if it does not change along the directions that
    are not. Those are solved for as many parameters as there are directions; each of the others is told together with
    them.
    """
    weak = ~information.resolved | (information.eigenvalues < LEAST)
    lost, known = information.vectors[:, weak], information.vectors[:, ~weak]
    if weak.all() or not weak.any():
        return ()
    late = 1 + 0.05 * np.linspace(0, 1, len(lost))[:, None]  # of two that change alike, the first is told
    order = np.asarray(qr((late * lost).T, mode="r", pivoting=True)[-1])  # those that change most come first
    tied, others = order[: lost.shape[1]], np.sort(order[lost.shape[1] :])
    shares = -np.linalg.solve(lost[tied].T, lost[others].T)
    boxed = [scale == LOG_BOX for scale in problem.structure.scales]
    unit = np.where(boxed, 1.0, information.unit)  # their unit is that of a logarithm already
    found = []
    for i, share in zip(others, shares.T, strict=True):
        exact = np.zeros(len(lost))
        exact[i], exact[tied] = 1.0, share
        error = float(np.linalg.norm(known.T @ exact / np.sqrt(information.eigenvalues[~weak])))
        weights = np.array([_simple(weight) for weight in exact])
        weights = weights if np.abs(lost.T @ weights).max() <= CLOSE else exact
        if np.count_nonzero(weights) > 1 and error < USEFUL:
            name, relative = _named(problem, weights / unit * unit[i])
            found.append(Combination(name, error * float(unit[i]), relative))
    return tuple(found)


def _simple(weight: float) -> float:
    nearest = min(SIMPLE, key=lambda simple: abs(abs(weight) - simple))
    return float(np.sign(weight)) * nearest if abs(abs(weight) - nearest) <= CLOSE else weight


def _named(problem: AbstractProblem, weights: Float[np.ndarray, " free"]) -> tuple[str, bool]:
    """A product of powers if all that take part are searched by their logarithm, and true; else a sum, and false."""
    scales = problem.structure.scales
    parts = [(_term(problem, int(i)), scales[i], float(weights[i])) for i in np.flatnonzero(weights)]
    if all(scale in ("log", LOG_BOX) for _, scale, _ in parts):
        over = [_power(term, weight) for term, _, weight in parts if weight > 0]
        under = [_power(term, -weight) for term, _, weight in parts if weight < 0]
        below = " ".join(under) if len(under) < 2 else f"({' '.join(under)})"
        return " ".join(over) + (f" / {below}" if under else ""), True
    text = ""
    for term, scale, weight in parts:
        sign = (" + " if text else "") if weight > 0 else (" - " if text else "-")
        size = "" if abs(weight) == 1 else f"{abs(weight):.2g} "
        text += sign + size + ("" if scale == "identity" else "ln ") + term
    return text, False


def _term(problem: AbstractProblem, i: int) -> str:
    """What a parameter's scale is made of."""
    name, low, high = problem.free[i], problem.numbers.lower[i], problem.numbers.upper[i]
    above = name if low == 0 else f"({name} - {low:g})"
    return {
        "identity": name, "log": above, "log_below": f"({high:g} - {name})", "logit": f"({above} / ({high:g} - {name}))",
        LOG_BOX: name,
    }[problem.structure.scales[i]]  # fmt: skip


def _power(term: str, exponent: float) -> str:
    return term if exponent == 1 else f"{term}^{exponent:.2g}"
