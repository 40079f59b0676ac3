"""Rates of the reactions in a network of BioNetGen."""

from collections.abc import Callable, Sequence

from jumpax._base.errors import InputError, UnsupportedError
from jumpax.importers.infix import parse
from jumpax.networks.expressions.expression import Expression, Name, Number, call

Lookup = Callable[[str], Expression]


def rate(words: Sequence[str], reactants: Sequence[str], lookup: Lookup) -> Expression:
    """The propensity of a reaction: `[factor*]rate`, or `[factor*]law constants ...` with one of the laws below.

    Args:
        words: what stands behind reactants and products.
        reactants: with repetitions, in the order of the file.
        lookup: the expression behind a name.

    Raises:
        InputError: a formula that cannot be read, a wrong number of constants or reactants.
        UnsupportedError: another law.

    Source: `rxn_rate` in bng2/Network3/src/network.cpp of github.com/RuleWorld/bionetgen.
    """
    factor, _, law = words[0].rpartition("*")
    if len(words) == 1 or not law.isidentifier() or words[1][0] in "+-*/^":
        return call("multiply", parse(" ".join(words), lookup), *choices(reactants))
    if law not in _LAWS:
        raise UnsupportedError(f"the rate law {law}; write it as a function")
    made = _LAWS[law]([parse(word, lookup) for word in words[1:]], reactants)
    return call("multiply", parse(factor, lookup), made) if factor else made


def choices(reactants: Sequence[str]) -> list[Expression]:
    """Counts of the reactants: x for each, and x - 1, x - 2, ... for those that come again."""
    factors: list[Expression] = []
    for place, name in enumerate(reactants):
        taken = reactants[:place].count(name)
        factors.append(call("subtract", Name(name), Number(float(taken))) if taken else Name(name))
    return factors


def _check(law: str, constants: int, most: range, reactants: int, least: int) -> None:
    if constants not in most or reactants < least:
        raise InputError(f"{law} with {constants} constants and {reactants} reactants")


def _elementary(constants: list[Expression], reactants: Sequence[str]) -> Expression:
    _check("Ele", len(constants), range(1, 2), len(reactants), 0)
    return call("multiply", *constants, *choices(reactants))


def _saturation(constants: list[Expression], reactants: Sequence[str]) -> Expression:
    """The propensity k x1 x2 ... / ((K1 + x1) (K2 + x2) ...), with as many factors below as there are K."""
    _check("Sat", len(constants), range(2, len(reactants) + 2), len(reactants), 1)
    below = [call("add", big, Name(name)) for big, name in zip(constants[1:], reactants)]
    return call("divide", call("multiply", constants[0], *choices(reactants)), call("multiply", *below))


def _hill(constants: list[Expression], reactants: Sequence[str]) -> Expression:
    """The propensity k x1^n / (K^n + x1^n) x2 ..."""
    _check("Hill", len(constants), range(3, 4), len(reactants), 1)
    maximum, half, exponent = constants
    power = call("power", Name(reactants[0]), exponent)
    share = call("divide", power, call("add", call("power", half, exponent), power))
    return call("multiply", maximum, share, *choices(reactants)[1:])


def _michaelis_menten(constants: list[Expression], reactants: Sequence[str]) -> Expression:
    """The propensity k E S / (K + S): E counts all reactants but the first, S those of the first that are not bound.

    S solves S^2 - b S - K x1 = 0 with b = x1 - K - E. It is written without a difference of nearly equal numbers.
    """
    _check("MM", len(constants), range(2, 3), len(reactants), 2)
    maximum, half = constants
    substrate, enzyme = Name(reactants[0]), call("add", *map(Name, reactants[1:]))
    b = call("subtract", call("subtract", substrate, half), enzyme)
    bound = call("multiply", half, substrate)
    root = call("sqrt", call("add", call("multiply", b, b), call("multiply", Number(4.0), bound)))
    large = call("add", root, call("abs", b))
    small = call("divide", call("multiply", Number(2.0), bound), large)
    free = call("if", call("ge", b, Number(0.0)), call("divide", large, Number(2.0)), small)
    return call("multiply", maximum, enzyme, call("divide", free, call("add", half, free)))


_LAWS = {"Ele": _elementary, "Sat": _saturation, "Hill": _hill, "MM": _michaelis_menten}
