"""With or without missed events: which sojourns a record is made of."""

import dataclasses
from typing import Any, final

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jumpax._base import given
from jumpax._base.errors import InputError, SimulationError
from jumpax.channels import missed, sojourns
from jumpax.channels.gating import Gating


@final
@dataclasses.dataclass(frozen=True)
class Method:
    """A scheme, and how its records are seen; static to compiled programs.

    Attributes:
        gating: the scheme.
        dead_time: s; None if nothing is missed.
        nodes: of the solution with a dead time.

    Raises:
        InputError: they make no sense.
    """

    gating: Gating
    dead_time: float | None
    nodes: int

    def __post_init__(self):
        dead_time = self.dead_time
        if dead_time is None:
            return
        if not (given.is_real(dead_time) and 0 < dead_time < np.inf):
            raise InputError(
                f"dead_time must be a number of seconds > 0, or None if nothing is missed, not {dead_time!r}"
            )
        object.__setattr__(self, "dead_time", float(dead_time))
        if not isinstance(self.nodes, int) or self.nodes < missed.NODES:
            raise InputError(f"at least {missed.NODES} nodes are needed, not {self.nodes!r}")

    def prepared(self, durations: Float[np.ndarray, " durations"]) -> Any:
        """Durations of dwells at one level, for `AbstractSojourns.within`."""
        if self.dead_time is None:
            return sojourns.prepared(durations)
        return missed.prepared(durations, self.dead_time, self.nodes)

    def sojourns(self, values: dict[str, Float[Array, ""]]) -> sojourns.AbstractSojourns:
        """At values of the parameters."""
        flow = self.gating.generator(values)
        if self.dead_time is None:
            return sojourns.PlainSojourns(self.gating, flow)
        return missed.ResolvedSojourns(self.gating, flow, self.dead_time, self.nodes)

    def check(self, values: dict[str, Float[Array, ""]]) -> None:
        """Where a result is NaN: why.

        Raises:
            SimulationError: the propensities are those of no chain, or there are too few nodes.
        """
        self.gating.check(values)
        fastest = float(jnp.abs(jnp.diag(self.gating.generator(values))).max()) * (self.dead_time or 0.0)
        if fastest > self.nodes:
            raise SimulationError(
                f"a state is left {fastest:.3g} times per dead time, too often for {self.nodes} nodes; give "
                f"nodes={int(np.ceil(fastest))}"
            )
