"""Which parameters differ between conditions."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from jaxtyping import PRNGKeyArray
from scipy.special import chdtrc

from jumpax._base.errors import InputError, JumpaxWarning, unknown_name
from jumpax.inference.comparison import Change, ComparedParameter, Comparison, change
from jumpax.inference.conditions import Conditions
from jumpax.inference.guesses import AbstractGuesses, Fits, Gaussian, having
from jumpax.inference.problem import Problem


def compare(
    problems: Mapping[str, Problem],
    parameters: Sequence[str] | None = None,
    *,
    own: Sequence[str] = (),
    test: Literal["likelihood ratio", "Wald"] | None = None,
    level: float = 0.05,
    key: PRNGKeyArray | int = 0,
    **settings: Any,
) -> Comparison:
    """Find the parameters that differ between conditions.

    One after the other: the conditions begin with all parameters in common. Of those not yet said to differ, the one whose
    release (a value in each condition) raises the likelihood most is said to differ if its p value, times the number of
    those left, is below `level` (Holm 1979); then again without it. Of several, those that the others have made superfluous
    are taken back. The p value is that of twice the gain in log-likelihood by the chi-squared law with one degree of
    freedom per condition beyond the first: of what is named against the model without it, of all others against the model
    with it. The chance to name a parameter beside those that differ is about `level`, for many data; where two parameters
    change the data alike, the better of the two is named, so look at both p values.

    By the likelihood ratio each guess is a fit of its own. By Wald's test one fit in which all may differ serves all:
    the likelihood is taken to be Gaussian around it, with the noise of the simulation added to the errors.

    Args:
        problems: by the name of the condition; the others are compared with the first.
        parameters: which to compare; default all that are free in two conditions or more.
        own: parameters that have a value in each condition anyway, and are not asked about.
        test: default the likelihood ratio if expectations are exact, else Wald's.
        level: the chance of a false claim.
        key: of the fits.
        **settings: for `fit`.

    Returns:
        Which differ, with p values, fold changes and their intervals; and the fit of that model.

    Raises:
        InputError: names that are not free in two conditions, and what `Conditions` refuses; a likelihood ratio of simulated
            likelihoods, or of a loss that is none.

    Warns:
        JumpaxWarning: what `fit` doubts of the last model; fits that used all their steps, where the answer hangs on them.

    Source: Holm 1979, https://www.jstor.org/stable/4615733.

    Examples:
        >>> import jumpax
        >>> from jumpax.inference import Fixed, Free, MasterEquation, Problem, compare, losses
        >>> model = jumpax.zoo.birth_death()
        >>> def cells(counts):
        ...     data = losses.LogLikelihood("X", counts)
        ...     rates = {"birth": Free(12.0), "death": Fixed(1.0)}
        ...     return Problem(model.network, model.x0, data, rates, settle=9.0, source=MasterEquation({"X": 60}))
        >>> found = compare({"control": cells([9, 12, 7, 10, 14]), "drug": cells([21, 18, 24])})
        >>> found.differing, f"{found.parameters[0].changes['drug'].value:.2f}"   # 21 / 10.4
        (('birth',), '2.02')
    """
    joint = Conditions(problems, own)
    tested = _tested(joint, parameters)
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1; got {level!r}")
    exact = joint.source.deterministic and all(p.loss.likelihood for p in problems.values())
    chosen = test or ("likelihood ratio" if exact else "Wald")
    if chosen not in ("likelihood ratio", "Wald"):
        raise InputError(f"test must be 'likelihood ratio' or 'Wald'; got {test!r}")
    if chosen == "likelihood ratio" and not exact:
        raise InputError(
            "the likelihood ratio needs exact likelihoods: source=MasterEquation(...) in all conditions, and losses that are "
            "likelihoods; or take test='Wald'"
        )
    settings = {**settings, "key": key}
    fits = Fits(joint, settings)
    guesses = fits if chosen == "likelihood ratio" else Gaussian(joint, tested, settings)
    differing, found, sure = _one_after_the_other(guesses, tested, level)
    fit = fits.fitted(differing)[1]
    unsure = () if sure else ("fits that used all their steps could change which parameters differ: give more steps.",)
    for doubt in (*unsure, *fit.doubts.values()):
        warnings.warn(doubt, JumpaxWarning, stacklevel=2)
    return Comparison(tuple(problems), tuple(found[name] for name in tested), chosen, level, fit)


def _tested(joint: Conditions, parameters: Sequence[str] | None) -> tuple[str, ...]:
    """Names to be compared: free in two conditions or more."""
    known = [n for n in dict.fromkeys(n for p in joint.problems.values() for n in p.free) if len(having(joint, n)) > 1]
    known = [n for n in known if n not in joint.own]
    if parameters is None:
        if not known:
            raise InputError(
                "no parameter is free in two conditions, so there is nothing to compare: one name in two conditions is one "
                "parameter, and whether it needs a value in each is what is asked"
            )
        return tuple(known)
    if unknown := [n for n in parameters if n not in known]:
        raise InputError("; ".join(unknown_name("parameter free in two conditions", n, known) for n in unknown))
    return tuple(dict.fromkeys(parameters))


class _Gain(NamedTuple):
    """What the release of one more parameter brings."""

    found: ComparedParameter
    least: float
    """Of its p value, if this fit could still fall."""
    most: float
    """If the one before could."""


def _one_after_the_other(
    guesses: AbstractGuesses, tested: tuple[str, ...], level: float
) -> tuple[tuple[str, ...], dict[str, ComparedParameter], bool]:
    """Release one parameter after the other; those that differ, in order, what was found about each, and whether that is sure."""
    differing: tuple[str, ...] = ()
    corrected: dict[str, float] = {}
    least, sure = 0.0, True
    while left := [name for name in tested if name not in differing]:
        gains = sorted((_gain(guesses, differing, name) for name in left), key=_rank)
        best = gains[0].found
        least = max(least, min(1.0, best.p * len(left)))
        if least >= level:
            sure &= all(gain.least * len(left) >= level for gain in gains)
            break
        sure &= gains[0].most * len(left) < level and all(best.p <= gain.least for gain in gains[1:])
        differing, corrected[best.name] = (*differing, best.name), least
    differing, found = _needed(guesses, differing, corrected, level)
    rest = sorted((_gain(guesses, differing, name) for name in tested if name not in differing), key=_rank)
    for rank, gain in enumerate(rest):
        least = max(least, min(1.0, gain.found.p * (len(rest) - rank)))
        found[gain.found.name] = gain.found._replace(corrected=least)
    return differing, found, sure


def _rank(gain: _Gain) -> tuple[float, float]:
    return gain.found.p, -gain.found.statistic


def _needed(
    guesses: AbstractGuesses, differing: tuple[str, ...], corrected: dict[str, float], level: float
) -> tuple[tuple[str, ...], dict[str, ComparedParameter]]:
    """Without those that the ones named after them have made superfluous."""
    while differing:
        gains = [_gain(guesses, tuple(n for n in differing if n != name), name).found for name in differing]
        worst = max(gains, key=lambda gain: gain.p)
        if worst.p < level:
            each = [gain._replace(differs=True, corrected=max(gain.p, corrected[gain.name])) for gain in gains]
            return differing, {gain.name: gain for gain in each}
        differing = tuple(n for n in differing if n != worst.name)
    return (), {}


def _gain(guesses: AbstractGuesses, released: tuple[str, ...], name: str) -> _Gain:
    """What the release of one more parameter brings."""
    before, after = guesses.model(released), guesses.model((*released, name))
    gain, degrees, kind = max(0.0, before.height - after.height), guesses.degrees(name), guesses.kind(name)
    changes: dict[str, Change] = {
        c: change(difference, error, kind) for (n, c), (difference, error) in after.differences.items() if n == name
    }
    least, p, most = (float(chdtrc(degrees, g)) for g in (gain + after.slack, gain, max(0.0, gain - before.slack)))
    return _Gain(ComparedParameter(name, False, gain, degrees, p, 1.0, kind, changes), least, most)
