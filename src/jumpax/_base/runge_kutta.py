"""One step of the pair of Dormand and Prince, of orders 5 and 4, with its interpolant of order 4.

All sums are over differences to the first slope: where slopes stay the same a step is their product with its length, to the last bit.

Source: Dormand & Prince 1980, doi:10.1016/0771-050X(80)90013-3; Shampine 1986, doi:10.1090/S0025-5718-1986-0815836-3.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from jumpax._base.types import Real

NODES = (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1)
"""Where slopes are read, as parts of the step."""
STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
"""Weights of the slopes before each; the last row is the step itself."""
ERRORS = (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
"""Weights of the difference to the step of order 4."""
POWERS = (
    (0, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432),
    (0, 0, 0, 0),
    (0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799),
    (0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072),
    (0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632),
    (0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844),
    (0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423),
)
"""Of the interpolant: weights of each slope in the second to fourth power of the part of the step (its first is the first slope)."""

Slopes: TypeAlias = tuple[Real, ...]
Slope: TypeAlias = Callable[[Slopes, Real], Slopes]
"""Rates of change from values and the time."""


class Step(NamedTuple):
    """One step: slopes of all variables at all nodes, and its length."""

    slopes: tuple[Slopes, ...]
    length: Real

    def gains(self, part: Real) -> tuple[Real, ...]:
        """What each variable gains in a part, from 0 to 1, of the step: by the interpolant."""
        return tuple(gain_of(self.powers(number), part, self.length) for number in range(len(self.slopes[0])))

    def powers(self, number: int) -> tuple[Real, ...]:
        """Coefficients of the interpolant of a variable, over the length of the step, from the first power of the part on."""
        rest = (self._sum(number, [row[power] for row in POWERS]) for power in (1, 2, 3))
        return (self.slopes[0][number], *rest)

    def _sum(self, number: int, weights: Sequence[float]) -> Real:
        first = self.slopes[0][number]
        pairs = zip(weights[1:], self.slopes[1:], strict=True)
        return _added([weight * (slopes[number] - first) for weight, slopes in pairs if weight])

    @property
    def errors(self) -> tuple[Real, ...]:
        """About how far each variable is off at the end of the step: the difference of both orders."""
        return tuple(self.length * self._sum(number, ERRORS) for number in range(len(self.slopes[0])))


def gain_of(powers: tuple[Real, ...], part: Real, length: Real) -> Real:
    """What a variable gains in a part of a step, by its `powers`."""
    first, second, third, fourth = powers
    return length * (part * (first + part * (second + part * (third + part * fourth))))


def slope_of(powers: tuple[Real, ...], part: Real, length: Real) -> Real:
    """The derivative of that by the part."""
    first, second, third, fourth = powers
    return length * (first + part * (2.0 * second + part * (3.0 * third + part * (4.0 * fourth))))


def step(slope: Slope, values: Sequence[Real], first: Slopes, time: Real, length: Real) -> Step:
    """A step of a length from some values at a time, where the slopes are `first`."""
    slopes = [first]
    for node, weights in zip(NODES[1:], STAGES[1:], strict=True):
        here = []
        for number, value in enumerate(values):
            own = first[number]
            pairs = list(zip(weights[1:], slopes[1:], strict=True))
            rest = [weight * (one[number] - own) for weight, one in pairs if weight]
            here.append(value + length * (_added([node * own, *rest])))
        slopes.append(slope(tuple(here), time + node * length))
    return Step(tuple(slopes), length)


def _added(terms: list[Real]) -> Real:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
