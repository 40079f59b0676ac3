"""Losses on the observables of a model file: assignment rules, and groups of species."""

import dataclasses
import warnings
from collections.abc import Mapping
from typing import Any, final

import equinox as eqx
from jaxtyping import Array, Float

from jumpax._base.errors import InputError, JumpaxWarning, UnsupportedError
from jumpax.importers import Rule
from jumpax.inference import Fixed, losses
from jumpax.inference.losses import AbstractLoss
from jumpax.inference.losses.compared import Compared
from jumpax.inference.losses.standardised import Standardised
from jumpax.inference.parameters import Parameter
from jumpax.networks import Network
from jumpax.networks.expressions.expression import Call, Expression, Number, names
from jumpax.observables import Observable, places_of
from jumpax.observables.observable import CountsByName

_COUNTING = ("add", "subtract", "multiply", "negate")


@final
@dataclasses.dataclass(frozen=True)
class WithRules:
    """An observable that reads the values of rules like counts of species."""

    observable: Observable
    rules: tuple[tuple[str, Rule], ...]

    @property
    def places(self) -> dict[str, int]:
        """Those of the observable."""
        return places_of(self.observable)

    def __call__(self, counts: CountsByName) -> Any:
        """The observable."""
        return self.observable({**counts, **{name: rule(counts) for name, rule in self.rules}})


@final
class RuleLoss(AbstractLoss):
    """A loss some of whose species are rules.

    Args:
        inner: the loss.
        rules: by name.
    """

    inner: AbstractLoss
    rules: tuple[tuple[str, Rule], ...] = eqx.field(static=True)
    times: tuple[float, ...] | None = eqx.field(static=True)

    def __init__(self, inner: AbstractLoss, rules: Mapping[str, Rule]):
        self.inner, self.rules, self.times = inner, tuple(rules.items()), inner.times

    def observable(self, network: Network) -> WithRules:
        """That of the loss, of rules and counts."""
        return WithRules(self.inner.observable(self._wider(network)), self.rules)

    def faults(self, network: Network, start: float) -> list[str]:
        """Those of the loss."""
        return self.inner.faults(self._wider(network), start)

    def _wider(self, network: Network) -> Network:
        """The network with the rules among its species, which nothing changes."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", JumpaxWarning)  # the doubts about the network have been told
            return Network(network.reactions, (*network.species, *(name for name, _ in self.rules)))

    @property
    def likelihood(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the loss is."""
        return self.inner.likelihood

    @property
    def parameters(self) -> tuple[str, ...]:
        """Those of the loss."""
        return self.inner.parameters

    def seen(self, expected: Any, values: Mapping[str, Any]) -> Any:
        """That of the loss."""
        return self.inner.seen(expected, values)

    def wrong(self, values: Mapping[str, float]) -> list[str]:
        """Those of the loss."""
        return self.inner.wrong(values)

    def value(self, expected: Any, values: Mapping[str, Any], paths: Any) -> Float[Array, ""]:
        """That of the loss."""
        return self.inner.value(expected, values, paths)

    @property
    def linear(self) -> "RuleLoss | None":
        """That of the loss."""
        inner = self.inner.linear
        if inner is self.inner:
            return self
        return None if inner is None else RuleLoss(inner, dict(self.rules))

    @property
    def reads(self) -> tuple[frozenset[str], ...]:
        """What the rules read that the loss reads."""
        rules = {name: frozenset(names(rule.expression)) for name, rule in self.rules}
        return tuple(frozenset[str]().union(*(rules.get(n, {n}) for n in read)) for read in self.inner.reads)

    def residuals(self, expected: Any) -> Float[Array, "times numbers"]:
        """Those of the loss."""
        return self.inner.residuals(expected)

    def whitened(self, expected: Any, jacobian: Any, paths: Any) -> Float[Array, "batches entries free"]:
        """That of the loss."""
        return self.inner.whitened(expected, jacobian, paths)

    def standardised(self, expected: Any, jacobian: Any) -> tuple[Standardised, ...]:
        """That of the loss."""
        return self.inner.standardised(expected, jacobian)

    def compared(self, expected: Any) -> tuple[Compared, ...]:
        """Those of the loss."""
        return self.inner.compared(expected)

    def notes(self, expected: Any, paths: float) -> dict[str, Any]:
        """Those of the loss."""
        return self.inner.notes(expected, paths)


def with_rules(
    loss: AbstractLoss, network: Network, rules: Mapping[str, Rule], parameters: Mapping[str, Parameter]
) -> AbstractLoss:
    """The loss, on rules of the model where its data name one.

    Raises:
        InputError: counts are compared with a rule whose values need not be whole numbers.
        UnsupportedError: the rule reads a parameter that is to be found.
    """
    if isinstance(loss, losses.Together):
        return losses.Together(*(with_rules(part, network, rules, parameters) for part in loss.losses))
    given = getattr(loss, "species", ())
    named = (given,) if isinstance(given, str) else given
    wanted = {name: rules[name] for name in named if name in rules and name not in network.species}
    for name, rule in wanted.items():
        if isinstance(loss, losses.LogLikelihood | losses.JointLogLikelihood) and not _counts(rule.expression):
            raise InputError(
                f"data: the observable {name!r} = {rule} need not be a whole number; log_likelihood compares counts. Take "
                "moments or time_series."
            )
        if free := [n for n, _ in rule.constants if not isinstance(parameters.get(n, Fixed(0.0)), Fixed)]:
            raise UnsupportedError(
                f"the observable {name!r} = {rule} reads {', '.join(free)}, to be found by the fit; an observable reads "
                "counts and fixed parameters only. Compare a species, or fix it."
            )
        wanted[name] = dataclasses.replace(
            rule, constants=tuple((n, _value(parameters.get(n), value)) for n, value in rule.constants)
        )
    return RuleLoss(loss, wanted) if wanted else loss


def _value(parameter: Parameter | None, otherwise: float) -> float:
    return parameter.value if isinstance(parameter, Fixed) else otherwise


def _counts(expression: Expression) -> bool:
    """Whether it has whole numbers only, from its form."""
    if isinstance(expression, Call):
        return expression.operator in _COUNTING and all(map(_counts, expression.arguments))
    return not isinstance(expression, Number) or expression.value == int(expression.value)
