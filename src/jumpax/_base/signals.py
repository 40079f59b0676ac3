"""Requests to stop, from people and schedulers."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

STOPS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def held(wanted: bool = True) -> Iterator[Callable[[], None]]:
    """Ctrl-C and SIGTERM wait until they are asked for, so that work can be put down in order; a second one does not wait.

    Gives a function, for any thread, that raises KeyboardInterrupt if there was one; what nobody has asked for is raised at the end.
    """
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        if seen:
            raise KeyboardInterrupt(signal.Signals(number).name)
        seen.append(number)

    def ask() -> None:
        if seen:
            raise KeyboardInterrupt(signal.Signals(seen[0]).name)

    with _handled(STOPS if wanted else (), note):
        yield ask
        ask()


@contextlib.contextmanager
def terminated() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does: what was reached is kept, or told."""

    def interrupt(number: int, _: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    with _handled((signal.SIGTERM,), interrupt):
        yield


@contextlib.contextmanager
def _handled(signals: Sequence[signal.Signals], handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Signals go to a handler.

    Nothing changes outside the main thread, to which Python sends them, nor for signals that are ignored, as Ctrl-C is in the
    background, or that are handled by what is not Python, which cannot be put back.
    """
    main = threading.current_thread() is threading.main_thread()
    own = [one for one in signals if main and signal.getsignal(one) not in (None, signal.SIG_IGN)]
    before = {one: signal.signal(one, handler) for one in own}
    try:
        yield
    finally:
        for one, former in before.items():
            signal.signal(one, former)
