"""Events that are reported in the middle of reporting or sending others: by destructors, by signal handlers."""

from __future__ import annotations

import gc
import signal
import threading
import time

import pytest


class Cycle:
    """Reports an event when the collector finds it, on whatever thread that is."""

    def __init__(self, client) -> None:
        self.me = self
        self.client = client

    def __del__(self) -> None:
        self.client.track("u", "destroyed", {})


@pytest.mark.parametrize("settings", [{}, {"ordering": "user"}, {"clock": lambda: 1_700_000_000 * 10**9}], ids=str)
def test_destructors_may_report_events(scripted, settings):
    """Wherever the collector runs, nothing is lost, nothing is sent twice, no sender dies."""
    client, transport = scripted(batch_size=7, **settings)
    thresholds = gc.get_threshold()
    try:
        for number in range(300):
            Cycle(client)
            gc.collect(0)
            gc.set_threshold(1 + number % 60)  # so that it comes at each place in turn
            Cycle(client)
            client.track("u", f"e{number}", {"n": [number]})
    finally:
        gc.set_threshold(*thresholds)
    deadline = time.monotonic() + 8
    while client.stats().accepted < 900 and time.monotonic() < deadline:
        gc.collect()  # which does nothing while a sender's thread is collecting
    assert client.flush(8).pending == 0
    assert len(transport.events) == client.stats().accepted == client.stats().delivered == 900
    ids = [message["messageId"] for sent in transport.sent for message in sent.messages]
    assert len(set(ids)) == 900


def test_a_signal_handler_may_report_and_flush(scripted):
    """While the main thread is in the middle of either."""
    client, transport = scripted(batch_size=7)
    handled = []

    def handle(number, frame):
        client.track("u", "signal", {})
        if len(handled) % 10 == 0:
            client.flush(2)
        handled.append(client.stats().accepted)

    previous = signal.signal(signal.SIGUSR1, handle)
    stop = threading.Event()

    def bother():
        sent = 0
        while not stop.wait(0.002):
            if len(handled) < sent:
                continue
            sent += 1
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)

    bothering = threading.Thread(target=bother)
    bothering.start()
    try:
        accepted = 0
        while len(handled) < 50 and accepted < 100_000:
            client.track("u", "e", {})
            accepted += 1
            if accepted % 500 == 0:
                client.flush(2)
    finally:
        stop.set()
        bothering.join()
        signal.signal(signal.SIGUSR1, previous)
    assert client.flush(8).pending == 0
    assert client.stats().delivered == accepted + len(handled) == len(transport.events)
