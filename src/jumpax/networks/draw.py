"""Random numbers that events assign."""

import math
from collections.abc import Callable
from typing import NamedTuple

from jumpax._base import deviates
from jumpax._base.errors import InputError, unknown_name
from jumpax.networks.expressions.expression import Draw, Expression, Number


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


LAWS: dict[str, DrawnLaw] = {
    "uniform": DrawnLaw(("least", "most"), deviates.uniform, bounded=False),
    "normal": DrawnLaw(("mean", "sd"), deviates.normal),
    "lognormal": DrawnLaw(("mean of the logarithm", "sd of the logarithm"), deviates.lognormal),
    "exponential": DrawnLaw(("rate",), deviates.exponential),
    "gamma": DrawnLaw(("shape", "scale"), deviates.gamma),
    "chisquare": DrawnLaw(("degrees of freedom",), deviates.chisquare),
    "laplace": DrawnLaw(("location", "scale"), deviates.laplace, located=True),
    "cauchy": DrawnLaw(("location", "scale"), deviates.cauchy, located=True),
    "rayleigh": DrawnLaw(("scale",), deviates.rayleigh),
    "poisson": DrawnLaw(("mean",), deviates.poisson),
    "binomial": DrawnLaw(("trials", "probability"), deviates.binomial),
    "bernoulli": DrawnLaw(("probability",), deviates.bernoulli, bounded=False),
}
"""All laws by name, which is that of SBML."""


def drawn(law: str, *arguments: Expression, place: int = 0) -> Draw:
    """A draw of a law; behind the numbers of the law there may be two bounds, both of which belong to it.

    `place` is that of `Draw`.

    Raises:
        InputError: an unknown law, another number of arguments, or bounds the wrong way round.
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
    return Draw(law, arguments, place)
