"""What a review of the pipeline found wrong, each defect once."""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping

import pytest

from fastbatch import Client
from fastbatch.core import pure
from fastbatch.core.pure import PureCore
from fastbatch.dialects import Segment
from fastbatch.errors import ConfigError
from fastbatch.pipeline import lifecycle
from fastbatch.testing import CapturingTransport, FakeClock
from fastbatch.typing import Attempt, DeliveryReport, Envelope, Request, Response, Stamp

DEADLINE = 10.0


def quick(attempt: int) -> float:
    return 0.0


class PausingDialect(Segment):
    """Calls `pause` between the choice of a batch and its attempt number ``at``."""

    def __init__(self, at: int, pause: Callable[[], object]) -> None:
        self._at, self._pause, self._asked = at, pause, 0

    def attempt_headers(self, attempt: Attempt) -> Mapping[str, str]:
        self._asked += 1
        if self._asked == self._at:
            self._pause()
        return {}


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_batch_that_close_gave_up_is_not_sent_any_more(make_client: Callable[..., Client], attempt: int) -> None:
    is_chosen, is_closed = threading.Event(), threading.Event()

    def pause() -> None:
        is_chosen.set()
        is_closed.wait(DEADLINE)

    transport = CapturingTransport(503)
    client = make_client(dialect=PausingDialect(attempt, pause), transport=transport, batch_size=1, retry_after=quick)
    client.track("u", "e", {"n": 1})
    assert is_chosen.wait(DEADLINE)
    client.close(timeout=0.0)
    is_closed.set()
    client._engine._join(time.monotonic() + DEADLINE)
    assert client.stats().dropped == {"shutdown": 1}
    assert len(transport.requests) == attempt - 1


class FailingDialect(Segment):
    """Raises once from `envelope`, when a sender asks for it."""

    def __init__(self, error: type[Exception]) -> None:
        self._error, self._asked = error, 0

    def envelope(self, write_key: str, sent_at: str) -> Envelope:
        self._asked += 1
        if self._asked == 2:  # the first to ask is the client itself
            raise self._error("for a while")
        return super().envelope(write_key, sent_at)


@pytest.mark.parametrize("error", [KeyError, ValueError])
def test_a_dialect_that_fails_for_a_while_costs_neither_a_sender_nor_an_event(
    make_client: Callable[..., Client], error: type[Exception]
) -> None:
    client = make_client(dialect=FailingDialect(error), batch_size=1)
    client.track("u", "e", {"n": 1})
    client.track("u", "e", {"n": 2})
    assert client.flush(DEADLINE).pending == 0
    assert client.stats().delivered == 2


class GrowingDialect(Segment):
    """Its envelope leaves no room for long messages any more, once the client is made."""

    pad = 0

    def envelope(self, write_key: str, sent_at: str) -> Envelope:
        return super().envelope(write_key, sent_at)._replace(head=b" " * self.pad + b'{"batch":[')


def test_a_message_that_fits_into_no_body_any_more_costs_no_other_message(make_client: Callable[..., Client]) -> None:
    dialect = GrowingDialect()
    client = make_client(dialect=dialect, max_batch_bytes=2000, batch_size=250, interval=60.0)
    dialect.pad = 1000
    for text in ("x" * 1400, "y", "z"):
        client.track("u", "e", {"text": text})
    assert client.flush(DEADLINE).pending == 0
    assert client.stats().delivered == 2
    assert client.stats().dropped == {"too_large": 1}


class RaisingLogger(logging.Logger):
    """A logger that a program has broken."""

    def log(self, *args: object, **kwargs: object) -> None:
        raise RuntimeError("the disk is full")

    warning = error = info = log


@pytest.mark.parametrize("status", [200, 401])
def test_a_logger_that_raises_changes_nothing_of_delivery(make_client: Callable[..., Client], status: int) -> None:
    transport = CapturingTransport(*[status] * 5)
    client = make_client(transport=transport, logger=RaisingLogger("broken"), verbose=True, retry_after=quick)
    client.track("u", "e", {"n": 1})
    assert client.flush(DEADLINE).pending == 0
    client.close(DEADLINE)
    assert len(transport.requests) == client.stats().attempts == 1


class InterruptedTransport:
    """Is interrupted in its first request, as by Ctrl-C."""

    def __init__(self, interrupt: BaseException) -> None:
        self.requests, self._interrupt = 0, interrupt

    def send(self, request: Request, timeout: float) -> Response:
        self.requests += 1
        if self.requests == 1:
            raise self._interrupt
        return Response(200, {}, b"{}")

    def close(self) -> None:
        """Do nothing."""


def test_ctrl_c_in_sync_mode_leaves_the_batch_to_the_next_call(make_client: Callable[..., Client]) -> None:
    client = make_client(transport=InterruptedTransport(KeyboardInterrupt()), sync_mode=True, retry_after=quick)
    with pytest.raises(KeyboardInterrupt):
        client.track("u", "e", {"n": 1})
    assert client.flush(DEADLINE) == (1, 0, 0)


def test_a_transport_that_exits_does_not_take_its_sender_along(make_client: Callable[..., Client]) -> None:
    client = make_client(transport=InterruptedTransport(SystemExit()), senders=1, batch_size=1, retry_after=quick)
    client.track("u", "e", {"n": 1})
    assert client.flush(DEADLINE).pending == 0
    assert client.stats().delivered == 1


@pytest.mark.parametrize("call", ["track", "flush", "close"])
def test_a_callback_in_sync_mode_may_use_its_client(make_client: Callable[..., Client], call: str) -> None:
    is_first = iter([True])

    def on_delivery(report: DeliveryReport) -> None:
        if next(is_first, False):
            {"track": lambda: client.track("u", "e", {"n": 2}), "flush": client.flush, "close": client.close}[call]()

    client = make_client(sync_mode=True, on_delivery=on_delivery)
    caller = threading.Thread(target=client.track, args=("u", "e", {"n": 1}), daemon=True)
    caller.start()
    caller.join(DEADLINE)
    assert not caller.is_alive()
    assert client.stats().delivered == client.stats().accepted


def test_a_signal_handler_may_close_the_client_that_waits_for_a_retry(make_client: Callable[..., Client]) -> None:
    main = threading.get_ident()

    def wait_long(attempt: int) -> float:
        threading.Timer(0.05, signal.pthread_kill, [main, signal.SIGUSR1]).start()
        return 60.0

    client = make_client(transport=CapturingTransport(503), sync_mode=True, retry_after=wait_long)
    before = signal.signal(signal.SIGUSR1, lambda *_: client.close(1.0))
    try:
        client.track("u", "e", {"n": 1})
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert client.stats().dropped == {"shutdown": 1}


def test_flush_keeps_its_timeout_while_another_thread_sends(make_client: Callable[..., Client]) -> None:
    is_sent, is_over = threading.Event(), threading.Event()

    class SlowTransport(CapturingTransport):
        def send(self, request: Request, timeout: float) -> Response:
            is_sent.set()
            is_over.wait(DEADLINE)
            return super().send(request, timeout)

    client = make_client(transport=SlowTransport(), sync_mode=True)
    caller = threading.Thread(target=client.track, args=("u", "e", {"n": 1}))
    caller.start()
    is_sent.wait(DEADLINE)
    began = time.monotonic()
    assert client.flush(0.1).pending == 1
    assert time.monotonic() - began < DEADLINE / 2
    is_over.set()
    caller.join(DEADLINE)


def test_a_forgotten_client_leaves_no_engine_behind(make_client: Callable[..., Client]) -> None:
    client = make_client(senders=8, batch_size=1)
    client.track("u", "e", {"n": 1})
    engine = client._engine
    engine.begin_closing()  # what the finalizer does
    engine._join(time.monotonic() + DEADLINE)
    assert engine not in lifecycle._running
    assert engine._running_senders == 0


def test_parts_that_come_after_stop_do_not_replace_the_whole(make_client: Callable[..., Client]) -> None:
    client = make_client(interval=60.0, transport=CapturingTransport())
    client.track("u", "e", {"n": 1})
    client.track("u", "e", {"n": 2})
    lane = client._lanes[0]
    whole = lane.take_unframed(2)
    assert whole is not None
    assert lane.stop() == [whole]
    lane.replace(whole, [whole.part(lane.core.select(whole.batch, [n]), 0) for n in (0, 1)])
    assert lane.outstanding == {whole}
    client.close(0.0)
    assert client.flush(0.0).pending == 0


def test_a_message_that_found_all_senders_busy_waits_no_second_interval(make_client: Callable[..., Client]) -> None:
    clock = FakeClock()
    client = make_client(interval=5.0, clock=clock, disabled=False, transport=CapturingTransport())
    lane = client._lanes[0]
    lane._turn.acquire()  # as if every sender were busy
    try:
        client.track("u", "e", {"n": 1})
        clock.advance(3.0)
        assert not lane._is_worth_taking()
        assert lane._pause() <= 2.0
    finally:
        lane._turn.release()


def test_a_flush_does_not_poll_while_an_ordered_lane_waits_for_a_retry(make_client: Callable[..., Client]) -> None:
    settings = {"ordering": "user", "senders": 1, "batch_size": 1, "retry_after": lambda attempt: 60.0}
    client = make_client(transport=CapturingTransport(503), **settings)
    for number in range(3):
        client.track("u", "e", {"n": number})
    lane = client._lanes[0]
    while not lane._retries:
        client.flush(0.01)
    lane.flush_up_to(3)
    assert lane._pause() > 30.0
    client.close(0.0)


def test_a_short_ordered_lane_is_emptied_before_it_is_full(make_client: Callable[..., Client]) -> None:
    settings = {"ordering": "user", "senders": 8, "interval": 60.0, "on_full": "block", "block_timeout": DEADLINE}
    client = make_client(max_queue_bytes=8 * 40_000, **settings)
    began = time.monotonic()
    assert all(client.track("same", "e", {"pad": "x" * 100}) for _ in range(1000))
    assert time.monotonic() - began < DEADLINE


@pytest.mark.parametrize("name", ["X: Y", "", " X", "Content-Length", "transfer-encoding", "Host", "content-encoding"])
def test_a_header_that_would_break_every_request_is_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigError, match="headers"):
        Client("WK", headers={name: "secret"})


def test_a_header_of_the_program_replaces_ours_whatever_its_case(make_client: Callable[..., Client]) -> None:
    transport = CapturingTransport()
    client = make_client(transport=transport, headers={"authorization": "Bearer x"})
    client.track("u", "e", {"n": 1})
    client.close(DEADLINE)
    values = [text for name, text in transport.requests[0].headers.items() if name.lower() == "authorization"]
    assert values == ["Bearer x"]


def test_no_error_about_settings_shows_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTBATCH_HEADERS", "{'Authorization': 'swordfish'}")
    with pytest.raises(ConfigError) as raised:
        Client.from_env("WK")
    assert "swordfish" not in str(raised.value)
    with pytest.raises(ConfigError) as raised:
        Client("WK", header={"Authorization": "swordfish"})
    assert "swordfish" not in str(raised.value)


def test_ctrl_c_while_a_value_is_encoded_ends_track(make_client: Callable[..., Client]) -> None:
    class Interrupted:
        is_first = iter([True])

        def model_dump(self, mode: str) -> dict[str, int]:
            if next(self.is_first, False):
                raise KeyboardInterrupt
            return {}

    client = make_client()
    with pytest.raises(KeyboardInterrupt):
        client.track("u", "e", {"value": Interrupted()})
    assert client.stats().accepted == 0


def test_a_callback_that_exits_does_not_leave_flush_waiting(make_client: Callable[..., Client]) -> None:
    told: list[DeliveryReport] = []

    def on_delivery(report: DeliveryReport) -> None:
        told.append(report)
        sys.exit(1)

    client = make_client(on_delivery=on_delivery, batch_size=1, senders=1)
    client.track("u", "e", {"n": 1})
    client.track("u", "e", {"n": 2})
    began = time.monotonic()
    client.flush(DEADLINE)
    assert time.monotonic() - began < DEADLINE / 2
    assert len(told) == 2


def test_an_exit_leaves_the_engines_of_another_process_alone(
    make_client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(batch_size=1)
    client.track("u", "e", {"n": 1})
    monkeypatch.setitem(lifecycle._running, client._engine, -1)
    lifecycle._at_exit()
    assert client.track("u", "e", {"n": 2})


def test_a_push_that_interrupts_a_push_has_a_number_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    core = PureCore(100_000, 1000, 1)
    number = core.add_template((b'{"messageId":"', Stamp.MESSAGE_ID, b'",', Stamp.FIELDS, b"}"))
    stamp, is_first = pure.uuid7, iter([True])

    def interrupted(now_ns: int, random: int) -> str:
        if next(is_first, False):
            core.append(number, b'{"n":2}', now_ns)
        return stamp(now_ns, random)

    monkeypatch.setattr(pure, "uuid7", interrupted)
    core.append(number, b'{"n":1}', 1)
    batch = core.take(core.scratch(10, 0), 10, 0, None)
    assert batch is not None
    assert [record.sequence for record in batch.refs] == list(batch.sequences) == [0, 1]
    assert len({message[:60] for message in core.read(batch)}) == 2


def test_a_stop_that_waits_for_a_commit_leaves_the_account_to_others(
    make_client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = make_client(transport=CapturingTransport())._lanes[0]
    is_waiting, is_committed = threading.Event(), threading.Event()

    def has_queued() -> bool:
        is_waiting.set()
        return not is_committed.is_set()

    monkeypatch.setattr("fastbatch.pipeline.lane.COMMIT_PATIENCE", DEADLINE)
    monkeypatch.setattr(lane, "_has_queued", has_queued)
    stopping = threading.Thread(target=lane.stop)
    stopping.start()
    assert is_waiting.wait(DEADLINE)
    is_free = lane._ledger.lock.acquire(timeout=DEADLINE / 2)
    assert is_free
    lane._ledger.lock.release()
    assert stopping.is_alive()
    is_committed.set()
    stopping.join(DEADLINE)
    assert not stopping.is_alive()


def test_a_message_that_comes_while_a_sender_looks_waits_for_its_interval(make_client: Callable[..., Client]) -> None:
    client = make_client(interval=60.0, transport=CapturingTransport())
    lane = client._lanes[0]

    class Late:
        """A core to which a message is appended as soon as it was seen to be empty."""

        def __getattr__(self, name: str) -> object:
            return getattr(core, name)

        def snapshot(self) -> object:
            before = core.snapshot()
            if not before.accepted:
                assert core.append(number, b'{"n":1}', time.time_ns()) >= 0
            return before

    core, lane.core = lane.core, Late()  # type: ignore[assignment]
    number = core.add_template((b'{"type":"track",', Stamp.FIELDS, b"}"))
    assert not lane._is_worth_taking()
    assert 50.0 < lane._pause() <= 60.0
    lane.core = core
