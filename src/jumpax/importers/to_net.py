"""Models as networks of BioNetGen."""

import math
from collections.abc import Sequence

from jumpax._base.errors import UnsupportedError
from jumpax.importers.faults import Faults
from jumpax.importers.formula import factors
from jumpax.importers.infix import BINARY, CALLS, NUMBERS, TIME
from jumpax.importers.names import Names
from jumpax.importers.net_rates import choices
from jumpax.importers.statement import Channel, Statement
from jumpax.networks.equation import Side
from jumpax.networks.expressions.expression import Call, Draw, Expression, Name, Number, Time, call, text

_SIGNS = {operator: sign for sign, (_, operator) in reversed(BINARY.items())}
_LACKING = ("floor", "ceil")  # which are read all the same
_CALLS = {operator: name for name, operator in CALLS.items() if operator not in (*_SIGNS, *_LACKING)}
_RESERVED = (*CALLS, *NUMBERS, TIME, "log", "begin", "end")


def to_net(statement: Statement) -> str:
    """A `.net` file of BioNetGen: rates are multiplied there by the numbers of reactants, so they are divided by them here.

    What is no constant times reactants becomes a function. One that does not vanish where reactants run out, does in the file.

    Raises:
        UnsupportedError: all that the format lacks, at once: events, continuous variables, operations such as floor, numbers that are not finite.

    Warns:
        JumpaxWarning: names that the format cannot have are others in the file.
    """
    return _Net(statement).text()


class _Net:
    """One model on its way into a file."""

    def __init__(self, statement: Statement):
        self.statement, self.faults, self.names = statement, Faults(), Names(_RESERVED)
        self.numbers = {name: str(place) for place, name in enumerate(statement.x0, 1)}
        for name in statement.x0:
            self.names.taken[name] = name
        self.own: dict[str, str] = {name: self.names.new(name) for name in statement.theta}
        self.groups: dict[str, str] = {}
        self.listed: list[tuple[str, str]] = []
        self.functions: dict[str, str] = {}

    def text(self) -> str:
        """The file, or all faults."""
        for name, _ in self.statement.flows:
            self.faults.unread.append(
                f"the rate of change of {name!r}; BioNetGen has no continuous variables in its networks"
            )
        for event in self.statement.events:
            self.faults.unread.append(f"event {event.name!r}; BioNetGen has none in its networks")
        for name in self.statement.x0:
            if any(c.isspace() or c in "$#" for c in name):
                self.faults.wrong.append(f"species {name!r}: BioNetGen has no such names; rename it")
            if name == TIME:
                self.faults.wrong.append(f"species {name!r}: it means the time in a network of BioNetGen; rename it")
        reactions = [self._reaction(channel) for channel in self.statement.channels]
        for name in self.statement.observables:
            with self.faults.of(f"observable {name!r}"):
                self._observable(name)
        self.faults.tell("the model, as a network of BioNetGen,")
        self.names.warn("a network of BioNetGen")
        blocks = {
            "parameters": [f"{self.own[name]} {value!r}" for name, value in self.statement.theta.items()],
            "functions": [f"{name}() {formula}" for name, formula in self.functions.items()],
            "species": [f"{name} {count}" for name, count in self.statement.x0.items()],
            "reactions": reactions,
            "groups": [f"{name} {members}" for name, members in self.listed],
        }
        written = [_block(name, lines) for name, lines in blocks.items() if lines or name != "functions"]
        return f"# {' '.join(self.statement.name.split())}\n{''.join(written)}"

    def _reaction(self, channel: Channel) -> str:
        with self.faults.of(f"reaction {channel.name!r}"):
            sides = " ".join(self._side(side) for side in (channel.reactants, channel.products))
            return f"{sides} {self._rate(channel)} #{' '.join(channel.name.split())}"
        return ""

    def _side(self, side: Side) -> str:
        return ",".join(self.numbers[name] for name, count in side for _ in range(count)) or "0"

    def _rate(self, channel: Channel) -> str:
        """What is multiplied by the numbers of reactants: a constant, or a function."""
        above, below, number = factors(channel.propensity)
        missing = []
        for choice in choices([name for name, count in channel.reactants for _ in range(count)]):
            if choice in above:
                above.remove(choice)
            else:
                missing.append(choice)
        if not below and not missing and not above:
            return self._infix(Number(number))
        if not below and not missing and len(above) == 1 and isinstance(above[0], Name) and above[0].name in self.own:
            return (
                self.own[above[0].name] if number == 1.0 else f"{self._infix(Number(number))}*{self.own[above[0].name]}"
            )
        rest = call("multiply", Number(number), *above) if above else Number(number)
        rest = call("divide", rest, call("multiply", *below)) if below else rest
        return self._function(f"rate_{channel.name}", _shared(rest, missing))

    def _function(self, name: str, value: Expression) -> str:
        made = self.names.new(name, tell=False)
        self.functions[made] = self._infix(value)
        return made

    def _observable(self, name: str) -> None:
        """A group where it is a weighted sum of counts, else a function."""
        rule = self.statement.observables[name]
        if name in self.own and isinstance(rule.expression, Number):
            return  # a species that does not change, which is a parameter already
        known = {constant: value for constant, value in rule.constants if constant not in self.own}
        for constant, value in known.items():
            self.own[constant] = self.names.new(constant)
            self.statement.theta[constant] = value
        if (members := self._members(rule.expression)) is not None:
            self.listed.append((self.names.new(name), members))
        else:
            self.functions[self.names.new(name)] = self._infix(rule.expression)

    def _members(self, expression: Expression) -> str | None:
        """The members of a group, as `2*1,3`."""
        terms = expression.arguments if isinstance(expression, Call) and expression.operator == "add" else (expression,)
        found = []
        for term in terms:
            above, below, weight = factors(term)
            if below or len(above) != 1 or not isinstance(above[0], Name) or above[0].name not in self.numbers:
                return None
            if not (weight > 0 and weight == int(weight)):
                return None
            number = self.numbers[above[0].name]
            found.append(number if weight == 1.0 else f"{int(weight)}*{number}")
        return ",".join(found)

    def _count(self, species: str) -> str:
        """The name of the group of one species, which functions read."""
        if species not in self.groups:
            self.groups[species] = self.names.new(f"n_{species}", tell=False)
            self.listed.append((self.groups[species], self.numbers[species]))
        return self.groups[species]

    def _infix(self, node: Expression) -> str:
        """The formula, with parentheses around everything."""
        if isinstance(node, Number):
            if not math.isfinite(node.value):
                raise UnsupportedError(f"the number {node.value}, which BioNetGen does not have")
            return f"({node.value!r})" if node.value < 0 else repr(node.value)
        if isinstance(node, Name):
            return self._count(node.name) if node.name in self.numbers else self.own[node.name]
        if isinstance(node, Time):
            return f"{TIME}()"
        if isinstance(node, Draw):
            raise UnsupportedError(f"{text(node)} is a random number, which is read but not written")
        if not isinstance(node, Call):
            raise UnsupportedError(f"{node.what} is a plain function")
        operator, arguments = node.operator, node.arguments
        if operator == "number":
            return f"if({self._infix(arguments[0])},1,0)"
        if operator == "flag":
            return f"({self._infix(arguments[0])}!=0)"
        if operator == "negate":
            return f"(-{self._infix(arguments[0])})"
        if operator == "not":
            return f"(!{self._infix(arguments[0])})"
        inner = [self._infix(argument) for argument in arguments]
        if operator in _SIGNS:
            return f"({_SIGNS[operator].join(inner)})" if len(inner) > 1 else inner[0]
        if operator in _CALLS:
            return f"{_CALLS[operator]}({','.join(inner)})"
        raise UnsupportedError(f"the operation {operator}, which BioNetGen does not have")


def _shared(rest: Expression, missing: Sequence[Expression]) -> Expression:
    """A rate over the numbers of reactants that it does not have as factors; 0 where one of them is not there."""
    if not missing:
        return rest
    least = [call("gt", choice, Number(0.0)) for choice in missing]
    there = least[0] if len(least) == 1 else call("and", *least)
    return call("if", there, call("divide", rest, call("multiply", *missing)), Number(0.0))


def _block(name: str, lines: Sequence[str]) -> str:
    numbered = "".join(f"  {place} {line}\n" for place, line in enumerate(lines, 1))
    return f"begin {name}\n{numbered}end {name}\n"
