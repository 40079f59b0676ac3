"""Whether the lattice tangent of a network is exact."""

import dataclasses
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import PRNGKeyArray

from jumpax._base.errors import JumpaxWarning
from jumpax._base.types import ParameterValues, default_precision
from jumpax.engines import simulate
from jumpax.engines.choice import check_large
from jumpax.engines.program import Program, check_positive
from jumpax.engines.stops import stops_of
from jumpax.folds import LatticeWeights, Snapshots, Together
from jumpax.networks import ModelLike, Network, check_network, check_numbers, check_theta, numbers_of
from jumpax.networks.starts import Start, check_start, start_of


@dataclasses.dataclass(frozen=True)
class Coverage:
    """How many paths met a state in which a rule of the lattice tangent was missing."""

    share: float
    """Of the paths, those that did."""
    reactions: Mapping[str, float]
    """By reaction whose rule was missing: share of the paths."""
    split: tuple[str, ...]
    """Reactions to split (beside those that already are): `LatticeTangent(split=...)` then may be exact."""
    hopeless: tuple[str, ...]
    """Reactions that no choice of carriers covers."""

    @property
    def complete(self) -> bool:
        """Whether no path met such a state."""
        return self.share == 0


def lattice_coverage(
    network: Network | ModelLike,
    theta: ParameterValues | None = None,
    x0: Start | None = None,
    times: object = None,
    paths: int = 1000,
    key: PRNGKeyArray | int = 0,
    split: Sequence[str] = (),
) -> Coverage:
    """Looks along some paths for states in which the lattice tangent is not exact.

    A rule is missing where a weighted neighbour x + eta_k can do what the path itself cannot, a_q(x) = 0 < a_q(x + eta_k),
    and either q shares the carrier of its reverse (then `split` it) or no reaction leads from x to x + eta_k (then there is no
    remedy: use `ScoreFunction` or another estimator). The gradient is exact if this happens on no path, for all parameters.
    What it costs otherwise is not known: from nothing that one can see to 90 % and more.

    Args:
        network: what reacts, or a model with numbers of its own.
        theta: a value per parameter, or one per path; of a model those that are to be others.
        x0: counts at the start; of a model as theta.
        times: up to the last of these.
        paths: how many paths are looked at: states that fewer than 3 / paths of them meet are likely missed.
        key: of these paths.
        split: reactions that have a carrier of their own already.

    Returns:
        `Coverage`: shares of paths, and what can be done.

    Warns:
        JumpaxWarning: when a path is not covered.

    Examples:
        >>> import jumpax
        >>> model = jumpax.zoo.telegraph()
        >>> jumpax.lattice_coverage(model.network, model.theta, model.x0, times=[2.0]).complete
        True
    """
    network, theta, x0 = numbers_of(network, theta, x0)
    check_network(network, who="jumpax.lattice_coverage")
    found = _look(network, theta, x0, times, paths, key, tuple(split))
    if not found.complete:
        warnings.warn(_advice(found), JumpaxWarning, stacklevel=2)
    return found


def covering_split(
    network: Network, theta: ParameterValues, x0: Start, times: object, paths: int, key: PRNGKeyArray | int
) -> tuple[str, ...] | None:
    """Reactions to split so that no path lacks a rule, the empty tuple if none has to be; None if that does not help."""
    split: tuple[str, ...] = ()
    for _ in range(2):
        found = _look(network, theta, x0, times, paths, key, split)
        if found.complete:
            return split
        if found.hopeless or not found.split:
            return None
        split += found.split
    return None


def _look(
    network: Network,
    theta: ParameterValues,
    x0: Start | None,
    times: object,
    paths: int,
    key: PRNGKeyArray | int,
    split: tuple[str, ...],
) -> Coverage:
    fold = LatticeWeights(network, network.parameters, split=split)
    check_large(Program(network, Together((Snapshots(), fold)), default_precision()), None)
    if not fold.doubtful:  # whatever the numbers are, if they make sense
        law = start_of(network, x0, False)
        stops_of(times, None, 0.0, fold)
        if law is None:
            check_numbers(network, theta, x0, check_positive("paths", paths))
        else:
            check_start(law, check_theta(network, theta, paths, law.parameters))
        return Coverage(0.0, {}, (), ())
    run = simulate(network, theta, x0, times=times, paths=paths, key=key, record=fold)
    missing = [np.asarray(time).max(1) > 0 for time in run.records[1]]
    numbers = [q for q, flags in zip(fold.doubtful, missing, strict=True) if flags.any()]
    names = [str(network.reactions[q].name) for q in fold.doubtful]
    found = {n: float(flags.mean()) for n, flags in zip(names, missing, strict=True) if flags.any()}
    shared = {str(network.reactions[q].name): fold.carriers.sign[q] < 0 for q in numbers}
    return Coverage(
        float(np.any(missing, 0).mean()),
        found,
        tuple(name for name, is_shared in shared.items() if is_shared),
        tuple(name for name, is_shared in shared.items() if not is_shared),
    )


def _advice(coverage: Coverage) -> str:
    """What is wrong, and what to do."""
    text = f"the lattice tangent is not exact here: on {coverage.share:.1%} of the paths "
    text += ", ".join(f"{name!r} ({share:.1%})" for name, share in coverage.reactions.items())
    text += " could happen at a weighted neighbour and not on the path itself; "
    if coverage.hopeless:
        return text + "no carriers cover that: use another estimator, such as ScoreFunction()"
    return text + f"give carriers of their own: LatticeTangent(split={coverage.split!r})"
