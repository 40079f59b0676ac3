"""`audit`: every estimator on one problem, judged against the exact gradient."""

import contextlib
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from jumpax._base.errors import InputError, SimulationError, UnsupportedError, unknown_name
from jumpax._base.types import ParameterValues, Precision, Word
from jumpax.engines.choice import is_large
from jumpax.engines.journal import Fields, circumstances, field, journal
from jumpax.engines.kept import files_of
from jumpax.engines.provenance import provenance
from jumpax.exact.state_space import Limits
from jumpax.gradients.alternative_path import AlternativePath
from jumpax.gradients.automatic import Automatic
from jumpax.gradients.controlled_score import ControlledScore
from jumpax.gradients.coupled_difference import CoupledDifference
from jumpax.gradients.estimator import AbstractEstimator
from jumpax.gradients.exact_gradient import BUDGET, ExactGradient, sampled_cost
from jumpax.gradients.expectation import expectation
from jumpax.gradients.judgements import Audit, Judgement
from jumpax.gradients.lattice_tangent import LatticeTangent
from jumpax.gradients.measure import Measured, measure, pooled, salted
from jumpax.gradients.pilot import TAIL, lattice_split
from jumpax.gradients.sampling import Sampling
from jumpax.gradients.score_function import ScoreFunction
from jumpax.gradients.straight_through import StraightThrough
from jumpax.gradients.trapezoidal_tangent import TrapezoidalTangent
from jumpax.networks import ModelLike, Network, check_network, numbers_of
from jumpax.networks.starts import Start
from jumpax.observables import AbstractPathObservable, Moments, Observable

ESTIMATORS: dict[str, AbstractEstimator] = {
    "score function": ScoreFunction(),
    "controlled score": ControlledScore(),
    "trapezoidal tangent": TrapezoidalTangent(),
    "trapezoidal tangent + control": TrapezoidalTangent(control="martingale"),
    "lattice tangent": LatticeTangent(),
    "lattice tangent + control": LatticeTangent(control="martingale"),
    "coupled difference + control": CoupledDifference(control="martingale"),
    "straight-through, Gumbel 0.5": StraightThrough(temperature=0.5),
    "straight-through, propensity": StraightThrough(relaxation="propensity"),
    "straight-through, ReinMax": StraightThrough(relaxation="reinmax"),
    "alternative path": AlternativePath(),
}
"""What is tried when nobody says otherwise; the score function comes first, for work is compared with its work."""
OF_LARGE: dict[str, AbstractEstimator] = {
    "score function": ScoreFunction(),
    "score function, optimal baseline": ScoreFunction("optimal"),
}
"""The same for networks of so many reactions that the others would take long to compile."""
FLOOR = 1e-5
"""Smallest error of a z-score, relative to the largest gradient of the entry: some entries have no noise at all."""


def audit(
    network: Network | ModelLike,
    theta: ParameterValues | None = None,
    x0: Start | None = None,
    times: object = None,
    *,
    steps: object = None,
    observable: Observable | AbstractPathObservable | None = None,
    estimators: Mapping[str, AbstractEstimator] | None = None,
    wrt: Sequence[str] | None = None,
    paths: int = 10_000,
    key: PRNGKeyArray | int = 0,
    precision: Precision | None = None,
    limits: Limits = None,
    save: str | os.PathLike | None = None,
    resume: str | os.PathLike | None = None,
) -> Audit:
    """Bias, variance and cost of gradient estimators on a model of one's own.

    Each estimator gets paths of its own and is compared with the master equation where that is small enough, otherwise with
    the inverse-variance mean of the unbiased estimators. With several stops the table shows how the variance grows with the
    length of the path.

    Args:
        network: what reacts, or a model with numbers of its own.
        theta: a value per parameter; of a model those that are to be others.
        x0: counts at the start; of a model as theta.
        times: stops.
        steps: stops after numbers of events, instead of times.
        observable: what is expected; default the mean of every species.
        estimators: by name; default `ESTIMATORS`, of large networks `OF_LARGE`. Work is relative to the first one.
        wrt: parameters; default all.
        paths: for each estimator.
        key: for all of them.
        precision: `float32` or `float64`.
        limits: largest counts for the master equation, where the model has no bounds of its own; default by looking.
        save: file to keep what is measured in, each estimator as soon as it is done; one that is there is replaced.
        resume: such a file: the audit goes on from there, and ends as if it had not been interrupted, times included that were measured
            before. Everything else must be as it was. `save` may be the same file.

    Returns:
        Judgements of all, with a summary; `jumpax.plots.audit` draws it.

    Raises:
        InputError: everything that is wrong with the input; a file to resume from that is not there, or is of another audit: names all
            that differs.
        UnsupportedError: explicitly time-dependent rates.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.birth_death()
        >>> found = jumpax.audit(model.network, model.theta, model.x0, [1.0], paths=2000, estimators={
        ...     "score": jumpax.ScoreFunction(), "tangent": jumpax.TrapezoidalTangent()})
        >>> found.reference, max(abs(row.z) for row in found.rows) < 4
        ('exact', True)
    """
    network, theta, x0 = numbers_of(network, theta, x0)
    check_network(network, who="jumpax.audit")
    usual = OF_LARGE if is_large(network) else ESTIMATORS
    chosen = dict(usual if estimators is None else estimators)
    if not chosen:
        raise InputError("there is nothing to audit: give at least one estimator")
    seen = Moments(*network.species) if observable is None else observable
    made = expectation(
        seen, network, x0, times, steps=steps, paths=paths, gradient=ScoreFunction(), precision=precision
    )
    sampling = made.sampling
    names = tuple(sampling.parameters if wrt is None else wrt)
    if wrong := [n for n in names if n not in sampling.parameters]:
        raise InputError("; ".join(unknown_name("parameter", n, sampling.parameters) for n in wrong))
    values, words = made.arguments(theta, key)
    keeping = contextlib.nullcontext()
    if (files := files_of(save, resume)) is not None:
        settings = {"key": key, "wrt": names, "limits": limits}
        keeping = journal(files, _fields(sampling, values, chosen, settings))
    with keeping:
        plain = measure(sampling, None, names, values, salted(words, 0), paths)
        measured, refused = {}, {}
        for number, (name, estimator) in enumerate(chosen.items()):
            try:
                measured[name] = measure(sampling, estimator, names, values, salted(words, 1 + number), paths)
            except (InputError, UnsupportedError) as refusal:
                refused[name] = str(refusal)
        truth, truth_error, judge = _reference(sampling, names, values, words, limits, chosen, measured)
        reason = Automatic().choose(sampling, names, values, salted(words, 999)).reason
    rows = _rows(sampling, names, measured, truth, truth_error, _entries(seen, network, sampling.entries))
    where = provenance(
        network, words, sampling.precision, sampling.engine or "default", theta=_plain(values), paths=paths
    )
    return Audit(
        rows=rows,
        seconds={"plain": plain.seconds} | {name: m.seconds for name, m in measured.items()},
        heaviest={name: m.heaviest for name, m in measured.items()},
        refused=refused,
        reference=judge,
        chosen=reason,
        provenance=where,
    )


def _fields(
    sampling: Sampling,
    values: ParameterValues,
    estimators: Mapping[str, AbstractEstimator],
    settings: Mapping[str, Any],
) -> Fields:
    """What an audit is, by name."""
    network = sampling.network
    found = {"network": (network.name or "one without a name", network.digest), "x0": field(sampling.begin)}
    found |= {f"parameter {name!r}": field(float(value)) for name, value in values.items()}
    found |= {f"estimator {name!r}": field(estimator) for name, estimator in estimators.items()}
    found["estimators"] = field(tuple(estimators))  # each has a key by its place
    found |= {name: field(getattr(sampling, name)) for name in ("observable", "stops", "paths")}
    return found | circumstances("audit", settings) | {"precision": field(sampling.precision)}


def _plain(values: ParameterValues) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def _reference(
    sampling: Sampling,
    names: tuple[str, ...],
    values: ParameterValues,
    words: tuple[Word, Word],
    limits: Limits,
    estimators: Mapping[str, AbstractEstimator],
    measured: Mapping[str, Measured],
) -> tuple[np.ndarray, np.ndarray, str]:
    """The gradient to compare with, its error, and where it comes from."""
    along, large = sampling.gathered is not None, is_large(sampling.network)
    cost = (
        None
        if along or large or sampling.x0 is not None
        else sampled_cost(sampling, _plain(values), names, 10 * BUDGET, limits)
    )
    if cost is not None:
        exact = ExactGradient(cost.limits, states=max(cost.states, 1))
        try:
            made = measure(sampling, exact, names, values, words, 2, runs=1)
        except jax.errors.JaxRuntimeError as error:
            raise SimulationError(f"the master equation cannot judge: {str(error).strip().splitlines()[-1]}") from error
        return made.gradient, np.zeros_like(made.gradient), "exact"
    why = "the master equation starts in one state" if sampling.x0 is not None else "the master equation is too large"
    why = "the master equation knows counts at stops only" if along else why
    split = None if large else lattice_split(sampling, values, salted(words, 998))
    parts = [
        m
        for name, m in measured.items()
        if (e := estimators[name]).unbiased
        and m.heaviest < TAIL
        and not (isinstance(e, LatticeTangent) and (split is None or not set(split) <= set(e.split)))
    ]
    if not parts:
        raise InputError(f"nothing to compare with: no unbiased estimator was tried, and {why}")
    return *pooled(parts), f"the unbiased estimators together ({why})"


def _entries(observable: Observable | AbstractPathObservable, network: Network, many: int) -> list[str]:
    """Names of the entries of the observable."""
    if isinstance(observable, Moments) and len(observable.species) == many:
        return [str(name) for name in observable.species]
    return [f"[{i}]" for i in range(many)]


def _rows(
    sampling: Sampling,
    names: tuple[str, ...],
    measured: Mapping[str, Measured],
    truth: Float[np.ndarray, "stops entries parameters"],
    truth_error: Float[np.ndarray, "stops entries parameters"],
    entries: Sequence[str],
) -> tuple[Judgement, ...]:
    rows = []
    first = next(iter(measured.values()), None)
    size = np.abs(truth).max(-1)
    for name, m in measured.items():
        for at in np.ndindex(truth.shape):
            stop, entry, parameter = at
            if truth[at] == 0 and m.gradient[at] == 0:
                continue  # the parameter does not matter to this entry
            error = max(float(np.hypot(m.error[at], truth_error[at])), FLOOR * float(size[stop, entry]), 1e-300)
            off = float(m.gradient[at] - truth[at])
            base = float(first.work[at]) if first is not None else 0.0
            rows.append(Judgement(
                estimator=name, stop=float(sampling.stops.values[stop]), entry=str(entries[entry]), parameter=names[parameter],
                gradient=float(m.gradient[at]), error=float(m.error[at]), reference=float(truth[at]), z=off / error,
                bias=off / abs(float(truth[at])) if truth[at] else math.inf, variance=float(m.variance[at]),
                work=float(m.work[at]) / base if base > 0 else math.nan,
            ))  # fmt: skip
    return tuple(rows)
