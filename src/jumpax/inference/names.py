"""Names of the parameters of several conditions, and which of them are one."""

from collections.abc import Mapping, Sequence
from typing import Any

from jumpax.inference.parameters import Derived, Fixed, Free, Parameter
from jumpax.inference.problem import Problem


def of_condition(name: str, condition: str) -> str:
    """What a parameter of one condition is called.

    Examples:
        >>> of_condition("k_on", "drug")
        'k_on[drug]'
    """
    return f"{name}[{condition}]"


def global_names(problems: Mapping[str, Problem], own: Sequence[str]) -> dict[str, dict[str, str]]:
    """By condition: from its names to those among the parameters of all.

    Free parameters that are not in `own` are one. Fixed ones are, if all have one value; derived ones, if they are one
    formula of the same parameters.
    """
    names: dict[str, dict[str, str]] = {c: {} for c in problems}
    for name in dict.fromkeys(n for p in problems.values() for n in p.parameters):
        have = {c: p.parameters[name] for c, p in problems.items() if name in p.parameters}
        meant = [_meaning(name, problems[c].parameters, own) for c in have]
        one = name not in own and all(meaning == meant[0] for meaning in meant) and meant[0] is not None
        for c, parameter in have.items():
            shared = isinstance(parameter, Free) and name not in own
            names[c][name] = name if one or shared else of_condition(name, c)
    return names


def _meaning(name: str, parameters: Mapping[str, Parameter], own: Sequence[str]) -> Any:
    """What a parameter is: equal for two conditions if it is one parameter; None if it has a value in each."""
    parameter = parameters[name]
    if isinstance(parameter, Fixed):
        return parameter.value
    if isinstance(parameter, Free):
        return None if name in own else name
    reads = tuple(_meaning(read, parameters, own) for read in parameter.names)
    return None if None in reads else (parameter.formula, reads)


def shared_parameters(
    problems: Mapping[str, Problem], names: Mapping[str, Mapping[str, str]], faults: list[str]
) -> dict[str, Parameter]:
    """All parameters by their names, those of one name next to each other; `faults` grows by what contradicts itself."""
    found: dict[str, Parameter] = {}
    for name in dict.fromkeys(n for p in problems.values() for n in p.parameters):
        for condition, problem in problems.items():
            if name not in problem.parameters:
                continue
            parameter, called = problem.parameters[name], names[condition][name]
            if isinstance(parameter, Derived):
                reads = tuple(names[condition][read] for read in parameter.names)
                parameter = Derived(parameter.formula, reads, parameter.unit)
            first = found.setdefault(called, parameter)
            if isinstance(parameter, Free) and first != parameter:
                faults.append(
                    f"{name!r} is one parameter of all conditions, but {first} in one and {parameter} in {condition!r}: give "
                    f"one start and the same bounds, or own=[{name!r}]"
                )
    return found
