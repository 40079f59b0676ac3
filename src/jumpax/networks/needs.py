"""What the paths of a network need, and the one place where that is refused."""

import enum
from collections.abc import Collection
from typing import TYPE_CHECKING

from jumpax._base.errors import UnsupportedError

if TYPE_CHECKING:
    from jumpax.networks.network import Network


class Need(enum.Enum):
    """What may happen to a path beside reactions at rates that stay the same between them."""

    TIME = "rates that depend on time"
    DELAY = "delays"
    MOMENT = "events at times"
    TRIGGER = "events by conditions"
    POSTPONED = "events with delays"
    FAMILY = "families of reactions"
    FLOW = "continuous variables"


PLAIN: frozenset[Need] = frozenset()
ALL = frozenset(Need)
SINGLE = ALL - {Need.FAMILY, Need.FLOW}
"""What may be treated reaction by reaction."""
FLOWING = ALL - {Need.FAMILY}
"""With continuous variables beside."""


def check_needs(network: "Network", treats: Collection[Need], who: str) -> None:
    """Whether all that a network needs is treated.

    Args:
        network: what reacts.
        treats: what `who` treats.
        who: as the subject of a sentence.

    Raises:
        UnsupportedError: naming what is not, where it comes from, and what treats it.
    """
    missing = [need for need in Need if need in network.needs and need not in treats]
    if not missing:
        return
    told = []
    for need in missing:
        if need in (Need.MOMENT, Need.TRIGGER):
            found = [event.name for event in network.events]
        elif need is Need.POSTPONED:
            found = [event.name for event in network.events if event.delay is not None]
        elif need is Need.FAMILY:
            found = [family.name for family in network.families]
        elif need is Need.FLOW:
            found = list(network.flowing)
        else:
            found = [
                r.name
                for r in network.reactions
                if (r.delay is not None if need is Need.DELAY else r.law.time_dependent)
            ]
        told.append(f"{need.value} ({', '.join(map(repr, found))})")
    by = "TrapezoidalTangent(reverse=True)" if Need.FAMILY in missing else "ScoreFunction()"
    raise UnsupportedError(
        f"{who} does not treat {' and '.join(told)}; jumpax.simulate draws the paths of such networks, "
        f"and jumpax.expectation has their gradients by {by}"
    )
