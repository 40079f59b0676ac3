"""Why a likelihood cannot be computed at some parameters."""

from jumpax._base.errors import SimulationError


class ChainFault(SimulationError):
    """Parameters at which the master equation cannot be followed.

    Args:
        cause: in a few words, the same for all of its kind.
        message: what happened where, and the remedy.
    """

    def __init__(self, cause: str, message: str):
        super().__init__(message)
        self.cause = cause
