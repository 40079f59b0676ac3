"""Calls in which joined processes meet: one that waits too long for the others says so, and ends itself where that is wanted.

A process that hangs cannot tell. Those that wait for it can: they look each second whether anything has happened.
"""

import contextlib
import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar, final

import jax

from jumpax._base.errors import InputError, LostError

Asked = ParamSpec("Asked")
Found = TypeVar("Found")
PATIENCE = "JUMPAX_PATIENCE"
"""Of the environment: seconds that a process waits for others before it ends itself; without it, for ever."""
TOLD = 600
"""Seconds of silence, after each of which the process says that it waits."""
LOOK = 1
"""Seconds between two looks."""
ALONE = 75
"""Exit code of a process that has waited long enough."""
LOST = re.compile("Gloo|NCCL|coordination service|heartbeat", re.IGNORECASE)
"""What JAX says where another process is gone."""


@final
class Watch:
    """How long nothing has happened in this process while joined ones meet.

    Silence is counted in looks: where a whole job is stopped for a night and goes on, nobody has waited.

    Args:
        place: which process it is.
        patience: seconds of silence that are too many.
    """

    def __init__(self, place: str, patience: float):
        self._place, self._patience = place, patience
        self._lock = threading.Lock()
        self._open, self._drawing, self._drawn = 0, 0, False
        self._sign()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Silence counts inside."""
        with self._lock:
            self._open += 1
            self._drawn = False
            self._sign()
        try:
            yield
        finally:
            with self._lock:
                self._open -= 1
                self._sign()

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """The process draws paths of its own; begin and end are signs of life."""
        with self._lock:
            self._drawing += 1
            self._sign()
        try:
            yield
        finally:
            with self._lock:
                self._drawing -= 1
                self._drawn = True
                self._sign()

    def look(self) -> tuple[str, bool]:
        """What is to be told after one more second, and whether this was the last one."""
        with self._lock:
            if not self._open:
                return "", False
            self._silent += LOOK
            over = self._silent >= self._patience
            told = self._words(over) if over or self._silent % TOLD == 0 else ""
        return told, over

    def run(self) -> None:
        """Look for ever."""
        over = False
        while not over:
            time.sleep(LOOK)
            told, over = self.look()
            if told:
                print(told, file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(ALONE)  # nothing else ends a thread that waits in a compiled program

    def _sign(self) -> None:
        self._silent, self._since = 0, time.strftime("%Y-%m-%d %H:%M:%S")

    def _words(self, over: bool) -> str:
        if self._drawing:
            state = "it is still drawing its own paths"
        elif self._drawn:
            state = "its own paths are drawn, and it waits for other processes"
        else:
            state = "it compiles, or draws its own paths, or waits for other processes"
        head = f"jumpax: {self._place}: nothing has happened here since {self._since}, for {self._silent} s; {state}."
        if over:
            return (
                f"{head} It ends itself ({PATIENCE}={self._patience:g}), so that the others are ended too. One that did not say this hangs, "
                "or is slow. To go on, start all of them again together: the same key gives the same result"
            )
        return (
            f"{head} One that does not say so hangs, or is slow. End all of them through the launcher, if this is not what you expect; "
            f"with {PATIENCE} in the environment, processes end themselves after so many seconds of it"
        )


_watch: Watch | None = None


def meet(call: Callable[Asked, Found], *arguments: Asked.args, **named: Asked.kwargs) -> Found:
    """What a call gives that all joined processes make, when it is there; without others it is just called.

    Raises:
        LostError: another process is gone.
        InputError: `JUMPAX_PATIENCE` is not a positive number.
    """
    if jax.process_count() == 1:
        return call(*arguments, **named)
    with _watching().waiting():
        try:
            return jax.block_until_ready(call(*arguments, **named))
        except jax.errors.JaxRuntimeError as fault:
            if LOST.search(str(fault)):
                raise LostError(
                    f"{_place()} has lost another one, which died or was ended: what that one said last may tell why. To go on, start all "
                    f"of them again together: the same key gives the same result. (JAX: {str(fault).strip().splitlines()[0]})"
                ) from fault
            raise


def drawing() -> contextlib.AbstractContextManager[None]:
    """Paths are drawn inside, by this process alone."""
    return contextlib.nullcontext() if _watch is None else _watch.drawing()


def patience() -> float:
    """Seconds that a process waits for others.

    Raises:
        InputError: what the environment says is not a positive number.
    """
    text = os.environ.get(PATIENCE, "inf")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number > 0:
        raise InputError(
            f"the environment variable {PATIENCE} is a positive number, of seconds that a process waits for others; got {text!r}"
        )
    return number


def _watching() -> Watch:
    """The watch of this process, which begins when it first meets others."""
    global _watch
    if _watch is None:
        _watch = Watch(_place(), patience())
        threading.Thread(target=_watch.run, name="jumpax watch", daemon=True).start()
    return _watch


def _place() -> str:
    return f"process {jax.process_index()} of {jax.process_count()}"
