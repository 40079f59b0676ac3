"""What a model file holds."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base.types import ParameterValues
from jumpax.networks import Network
from jumpax.networks.event import Event
from jumpax.networks.expressions.expression import Expression, evaluate, names, text
from jumpax.networks.expressions.hill import steady


@final
@dataclass(frozen=True)
class Rule:
    """An observable: a formula of counts. It takes a mapping species -> counts, of any shape.

    Args:
        expression: the formula, of species and numbers.
        constants: values of parameters in it, as the file gives them; those in the mapping go before them.

    Examples:
        >>> from jumpax.networks.expressions.expression import Name, Number, call
        >>> Rule(call("multiply", Number(2.0), Name("X")))({"X": jnp.float32(3.0)}).tolist()
        6.0
    """

    expression: Expression
    constants: tuple[tuple[str, float], ...] = ()

    def __call__(self, counts: Mapping[str, Any]) -> Float[Array, "..."]:
        """The value."""
        read = names(self.expression)
        values = dict(self.constants) | {n: jnp.asarray(counts[n], float) for n in read if n in counts}
        shape = jnp.shape(next(iter(counts.values())))
        return jnp.broadcast_to(jnp.asarray(evaluate(steady(self.expression), values, None), float), shape)

    def __str__(self) -> str:
        return text(self.expression)


@final
@dataclass(frozen=True)
class FileModel:
    """A network read from a file, with the numbers of the file; it serves wherever a model of the zoo does.

    Attributes:
        without_events: the reactions: all there is, unless the model has events.
        theta: value of each parameter, those that only events read or change included.
        x0: initial count of each species.
        times: when to look, if the file says so.
        reference: where it comes from.
        observables: assignment rules, groups, and species that never change, as functions of the counts.
        events: what happens at once when a condition comes true.
        notes: what was assumed or changed in reading: units that were converted or are not items, counts that were rounded.
        molecules: of each species, the number in one unit of substance of the file; 1 where nothing was converted.
        starts: molecules at the start as formulas of parameters, where that was asked for.

    Examples:
        >>> from jumpax.networks.zoo import birth_death
        >>> base = birth_death()
        >>> FileModel(base.network, base.theta, base.x0).network == base.network
        True
    """

    without_events: Network
    theta: dict[str, float]
    x0: dict[str, int]
    times: tuple[float, ...] = ()
    reference: str = ""
    observables: Mapping[str, Rule] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    notes: tuple[str, ...] = ()
    molecules: Mapping[str, float] = field(default_factory=dict)
    starts: Mapping[str, Rule] = field(default_factory=dict)

    def observed(self, theta: ParameterValues) -> dict[str, Callable[[Mapping[str, Any]], Float[Array, "..."]]]:
        """The observables of paths by these parameters, one value of each or one for each path.

        Examples:
            >>> from jumpax.networks.expressions.expression import Name, call
            >>> from jumpax.networks.zoo import birth_death
            >>> base, load = birth_death(), Rule(call("multiply", Name("death"), Name("X")), (("death", 1.0),))
            >>> model = FileModel(base.network, base.theta, base.x0, observables={"load": load})
            >>> float(model.observed({"death": 3.0})["load"]({"X": jnp.float32(2.0)}))
            6.0
        """
        return {
            name: functools.partial(_by_parameters, rule, {n: theta[n] for n, _ in rule.constants if n in theta})
            for name, rule in self.observables.items()
        }

    @property
    def network(self) -> Network:
        """The reactions with the events."""
        return self._with_events

    @functools.cached_property
    def _with_events(self) -> Network:
        """The same, made once."""
        return self.without_events.with_events(self.events) if self.events else self.without_events


def _by_parameters(rule: Rule, values: ParameterValues, counts: Mapping[str, Any]) -> Float[Array, "..."]:
    """An observable with parameters of its own, of counts (paths, stops) or of single ones."""
    own = {n: np.asarray(value)[:, None] if np.ndim(value) == 1 else value for n, value in values.items()}
    return rule({**counts, **{name: value for name, value in own.items() if name not in counts}})
