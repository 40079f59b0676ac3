"""Ctrl-C and SIGTERM: who hears them, and what is left as it was."""

import os
import signal
import threading

import pytest

from jumpax._base.signals import held, terminated


def works(reached, *, first, second=None):
    """Work that gets signals, and asks for them after the first one."""
    with held() as stop:
        stop()
        os.kill(os.getpid(), first)
        reached.append("first")
        if second is None:
            stop()
        else:
            os.kill(os.getpid(), second)
        reached.append("second")


def test_a_request_waits_until_it_is_asked_for():
    reached = []
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        works(reached, first=signal.SIGTERM)
    assert reached == ["first"]


def test_a_second_request_does_not_wait():
    reached = []
    with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
        works(reached, first=signal.SIGINT, second=signal.SIGTERM)
    assert reached == ["first"]


def test_a_request_that_nobody_asks_for_is_raised_at_the_end():
    with pytest.raises(KeyboardInterrupt, match="SIGINT"), held():
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("handled", [held, terminated])
def test_what_is_ignored_stays_ignored_and_what_was_there_comes_back(handled):
    heard = []
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with handled():
            os.kill(os.getpid(), signal.SIGTERM)
        signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
        with handled():
            pass
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [1]


@pytest.mark.parametrize("handled", [held, terminated])
def test_a_handler_that_is_not_of_python_is_left_alone(handled, monkeypatch):
    """`signal.getsignal` gives None for such a one, and nobody can put it back."""
    set_to = []
    monkeypatch.setattr(signal, "getsignal", lambda number: None)
    monkeypatch.setattr(signal, "signal", lambda number, handler: set_to.append(number))
    with handled():
        pass
    assert set_to == []


def test_other_threads_hear_nothing_and_change_nothing():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with held() as stop, terminated():
            stop()
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
