"""Requests to stop, from people and schedulers."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

STOPS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def held(wanted: bool = True) -> Iterator[Callable[[], None]]:
    """Ctrl-C and SIGTERM wait until they are asked for, so that work can be put down in order; a second one does not wait.

    Gives a function that raises KeyboardInterrupt if there was one; what nobody has asked for is raised at the end. Only in the main
    thread, to which Python sends signals; elsewhere, or if it is not wanted, nothing changes.
    """
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    seen: list[int] = []

    def note(number: int, _: object) -> None:
        if seen:
            raise KeyboardInterrupt(signal.Signals(number).name)
        seen.append(number)

    def ask() -> None:
        if seen:
            raise KeyboardInterrupt(signal.Signals(seen[0]).name)

    before = {number: signal.signal(number, note) for number in STOPS}
    try:
        yield ask
        ask()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def terminated() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does: what was reached is kept, or told."""

    def interrupt(number: int, _: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
