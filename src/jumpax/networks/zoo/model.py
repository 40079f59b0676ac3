"""What the zoo hands out."""

from dataclasses import dataclass
from typing import final

from jumpax.networks.network import Network


@final
@dataclass(frozen=True)
class Model:
    """A network with textbook numbers.

    Attributes:
        network: the reactions.
        theta: value of each parameter.
        x0: initial count of each species.
        times: when to look, in the network's unit of time.
        reference: where it comes from.
    """

    network: Network
    theta: dict[str, float]
    x0: dict[str, int]
    times: tuple[float, ...]
    reference: str


def grid(end: float, points: int = 10) -> tuple[float, ...]:
    """Equally spaced times from `end / points` to `end`."""
    return tuple(end * (point + 1) / points for point in range(points))
