"""The score function: the likelihood-ratio gradient with a baseline."""

import dataclasses
from typing import ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.engines.program import Steps, Times
from jumpax.folds import AbstractFold, Score
from jumpax.gradients.baselines import Baseline, centred
from jumpax.gradients.chunk import Chunk, Totals
from jumpax.gradients.controlled_score import ControlledScore
from jumpax.gradients.estimator import AbstractFoldEstimator
from jumpax.gradients.sampling import Sampling
from jumpax.networks import FLOWING, PLAIN, Need, Network

BASELINES = (None, "mean", "leave_one_out", "optimal")


@dataclasses.dataclass(frozen=True)
class ScoreFunction(AbstractFoldEstimator):
    """g = mean over paths of (f - b) S, with S the full score of the path up to the stop.

    S = sum over events of d ln a_r - integral of d a_0 dt, the last, unfinished interval included (without it, or without
    the time part, the gradient at a fixed time is wrong by up to 78 % on reversible association). After a given number of
    events waits do not matter, and S = sum over events of d ln a_r - d ln a_0. The baseline b belongs to one stop and one
    entry of the observable, so several times and species do not disturb each other. Where rates depend on time explicitly,
    the time part is sampled at one random moment of each wait, which is exact in the mean (see `jumpax.folds.Score`).

    Where the counts at the start have a law with parameters (`Poisson("m")`, ...), S has d ln P(x0) in it too.

    Unbiased for every network and every observable, indicators and what is gathered along paths (`PathObservable`) included: f at
    a stop may be any function of the path up to it, and where parameters show in f beside the path, as in an integral of
    propensities, its derivative at the fixed path is added. Where the observable ends the path, as a passage does, S ends
    with it. The variance per path grows linearly with the number of events; the cost is 1.1 to 1.8 times that of the paths alone (`benchmarks/run.py kernels`). NaN with respect
    to a rate constant that is 0: no path shows what the reaction would do.

    Args:
        baseline: `leave_one_out`, the mean of f over the other paths of a chunk (all that are held at once: up to
            16,384, fewer in large batches under `vmap`); `optimal`, the constant E[f S^2] / E[S^2] for each parameter,
            taken from the other half of the chunk; `mean`, of the whole chunk, biased by the factor 1 - 1/chunk; None
            for b = 0 (up to 10^4 times the variance; for comparison).
        window: count only what happened in this much time before each stop; for long runs that forget. Biased by what
            is remembered longer, with a variance that stops growing with time. Not for oscillators.
        control: `martingale` makes it a `ControlledScore` of the same window, which has a baseline of its own: 2 to 200
            times less variance for observables with a slope, at about twice the cost.

    Raises:
        InputError: for another baseline or control, a window that is not positive, or a baseline beside a control.

    Source: Glynn 1990, doi:10.1145/84537.84552; Plyasunov & Arkin 2007, doi:10.1016/j.jcp.2006.06.047; windows: Glynn &
    L'Ecuyer 1995, doi:10.2307/1427934.

    Examples:
        >>> import jax, jumpax
        >>> birth = jumpax.Network([jumpax.Reaction("0 -> N", jumpax.MassAction("k"))])
        >>> mean = jumpax.expectation(
        ...     jumpax.Moments("N"), birth, {"N": 0}, times=[3.0], paths=20_000, gradient=jumpax.ScoreFunction("optimal")
        ... )
        >>> slope = jax.grad(lambda k: mean({"k": k}, jax.random.key(0))[0, 0, 0])(2.0)
        >>> bool(abs(slope - 3) < 0.3)
        True
    """

    of_fixed_path: ClassVar[bool] = True
    baseline: Baseline = "leave_one_out"
    window: float | None = None
    control: Literal["martingale"] | None = None

    def __post_init__(self):
        faults = []
        if self.baseline not in BASELINES:
            faults.append(f"baseline must be 'leave_one_out', 'optimal', 'mean' or None; got {self.baseline!r}")
        if self.window is not None and not 0 < self.window < float("inf"):
            faults.append(f"window must be a positive time, or None for all of it; got {self.window!r}")
        if self.control not in (None, "martingale"):
            faults.append(f"control must be None or 'martingale'; got {self.control!r}")
        elif self.control is not None and self.baseline != "leave_one_out":
            faults.append(f"a control has a baseline of its own: leave out baseline={self.baseline!r}")
        if faults:
            raise InputError("; ".join(faults))

    @property
    def treats(self) -> frozenset[Need]:
        """Everything; with a control nothing beyond the plain process."""
        return FLOWING if self.control is None else PLAIN

    @property
    def unbiased(self) -> bool:
        """Unless there is a window, or the baseline is `mean`."""
        return self.window is None and self.baseline != "mean"

    def check_sampling(self, sampling: Sampling, wrt: tuple[str, ...] = ()) -> None:
        """Take laws of the start, and what is gathered along paths.

        Raises:
            UnsupportedError: parameters change it in steps beside the path; or there is a window or a control.
        """
        if sampling.gathered is None:
            return
        what = type(sampling.observable).__name__
        if self.window is not None or self.control is not None:
            raise UnsupportedError(
                f"{what} is gathered along paths, for which a score has no window and no control: use ScoreFunction()"
            )
        if sampling.rough:
            raise UnsupportedError(
                f"{what} compares or rounds numbers that depend on parameters and times, or reads the random numbers of the path: what "
                "parameters do to it beside the path has no derivative to add to the score. Use CoupledDifference(), or gather sums over "
                "events (of PathSum, `events` instead of `integral`)"
            )

    def fold(self, network: Network, wrt: tuple[str, ...], stops: Times | Steps) -> AbstractFold:
        """The score of each parameter; of the choices alone where stops are numbers of events of a plain network.

        Raises:
            UnsupportedError: a window or a control, for stops after numbers of events; a control, for rates that depend on
                time explicitly.
        """
        if self.control is not None:
            return ControlledScore(window=self.window).fold(network, wrt, stops)
        if isinstance(stops, Steps) and self.window is not None:
            raise UnsupportedError("a window of the score is a time: use times= instead of steps=, or window=None")
        waiting = isinstance(stops, Times) or stops.timed or bool(network.needs)
        return Score(network, wrt, waiting=waiting, window=self.window)

    def contributions(self, chunk: Chunk) -> Totals:
        """Sums of (f - b) S, or those of the control."""
        if self.control is not None:
            return ControlledScore(window=self.window).contributions(chunk)
        scores = self._scores(chunk)
        per_path = centred(self.baseline, chunk.values, scores, chunk.weight) * scores[:, :, None]
        return chunk.totals(per_path if chunk.explicit is None else per_path + chunk.explicit)

    def _scores(self, chunk: Chunk) -> Float[Array, "paths asked parameters"]:
        """The score at the stops asked for; what it gained in the window."""

        def at(keep: np.ndarray) -> Array:
            if not chunk.record:
                return jnp.zeros((*chunk.values.shape[:2], 0), chunk.values.dtype)
            return jnp.stack([chunk._replace(keep=keep).asked(leaf) for leaf in chunk.record], -1)

        if self.window is None:
            return chunk.scores(at(chunk.keep))
        stops = np.array(chunk.stops.values)
        begins = stops[chunk.keep] - self.window
        before = at(np.searchsorted(stops, np.maximum(begins, chunk.begin)).clip(max=len(stops) - 1))
        return chunk.scores(
            at(chunk.keep) - jnp.where((begins >= chunk.begin)[:, None], before, 0.0), begins <= chunk.begin
        )
