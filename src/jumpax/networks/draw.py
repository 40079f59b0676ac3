"""Random numbers that events assign."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

from jumpax._base import deviates
from jumpax._base.errors import InputError, UnsupportedError, unknown_name
from jumpax.networks.expressions.expression import Draw, Expression, Number, has_draws


class DrawnLaw(NamedTuple):
    """A law that numbers are drawn from."""

    arguments: tuple[str, ...]
    """What its numbers are."""
    sample: Callable[..., deviates.Deviate]
    """One try: of uniform numbers, bounds, and its numbers."""
    located: bool = False
    """Whether the first of its numbers may be left out, and is then 0."""
    bounded: bool = True
    """Whether it may be truncated."""
    of_draws: Literal["always", "unbounded", "never"] = "never"
    """When its numbers may be drawn themselves: where they do not decide how often a try is accepted."""


LAWS: dict[str, DrawnLaw] = {
    "uniform": DrawnLaw(("least", "most"), deviates.uniform, bounded=False, of_draws="always"),
    "normal": DrawnLaw(("mean", "sd"), deviates.normal, of_draws="unbounded"),
    "lognormal": DrawnLaw(("mean of the logarithm", "sd of the logarithm"), deviates.lognormal, of_draws="unbounded"),
    "exponential": DrawnLaw(("rate",), deviates.exponential, of_draws="always"),
    "gamma": DrawnLaw(("shape", "scale"), deviates.gamma),
    "chisquare": DrawnLaw(("degrees of freedom",), deviates.chisquare),
    "laplace": DrawnLaw(("location", "scale"), deviates.laplace, located=True, of_draws="unbounded"),
    "cauchy": DrawnLaw(("location", "scale"), deviates.cauchy, located=True, of_draws="unbounded"),
    "rayleigh": DrawnLaw(("scale",), deviates.rayleigh, of_draws="always"),
    "poisson": DrawnLaw(("mean",), deviates.poisson),
    "binomial": DrawnLaw(("trials", "probability"), deviates.binomial),
    "bernoulli": DrawnLaw(("probability",), deviates.bernoulli, bounded=False, of_draws="always"),
}
"""All laws by name, which is that of SBML."""


def drawn(law: str, *arguments: Expression, place: int = 0) -> Draw:
    """A draw of a law; behind the numbers of the law there may be two bounds, both of which belong to it.

    `place` is that of `Draw`.

    Raises:
        InputError: an unknown law, another number of arguments, or bounds the wrong way round.
        UnsupportedError: its numbers are drawn themselves, and decide how often a try is accepted: tries are thrown away
            together, which would prefer those that are accepted.
    """
    if law not in LAWS:
        raise InputError(unknown_name("law", law, tuple(LAWS)))
    known, given = LAWS[law], len(arguments)
    whole = len(known.arguments)
    if known.located and given == whole - 1:
        arguments, given = (Number(0.0), *arguments), whole
    if given == whole:
        arguments = (*arguments, Number(-math.inf), Number(math.inf))
    elif given != whole + 2 or not known.bounded:
        more = ", and two bounds" if known.bounded else ""
        raise InputError(f"{law} takes {' and '.join(known.arguments)}{more}; got {given} arguments")
    bounds = [bound.value for bound in arguments[whole:] if isinstance(bound, Number)]
    if len(bounds) == 2 and bounds[0] > bounds[1]:
        raise InputError(f"the lower bound of {law} is above the upper one: {bounds[0]:g} > {bounds[1]:g}")
    unbounded = arguments[whole:] == (Number(-math.inf), Number(math.inf))
    decides = known.of_draws == "never" or (known.of_draws == "unbounded" and not unbounded)
    if decides and any(map(has_draws, arguments)):
        raise UnsupportedError(
            f"{law} of a number that is drawn itself: let another event assign that to a parameter before, and read the parameter"
        )
    return Draw(law, arguments, place)
