"""The client: what a program reports its events to."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, cast

from fastbatch import dialects
from fastbatch.calls import Calls
from fastbatch.config import Config, Settings, settings_from_environment
from fastbatch.core.interface import Code, message_length
from fastbatch.core.quick import Quick, QuickEntry, with_quick_track
from fastbatch.core.quick_capture import CaptureEntry
from fastbatch.errors import (
    ClosedError,
    ConfigError,
    FieldError,
    MessageTooLargeError,
    QueueFullError,
    UnserializableError,
)
from fastbatch.fastjson import loads
from fastbatch.pipeline import debug, lifecycle
from fastbatch.pipeline.encode import DUMPS_ARGUMENTS, dumps, encode, encode_fields
from fastbatch.pipeline.engine import Engine
from fastbatch.pipeline.hook import Hook
from fastbatch.pipeline.lane import Lane
from fastbatch.pipeline.ledger import FlushResult, Stats
from fastbatch.pipeline.plain_json import title
from fastbatch.pipeline.templates import WHOLE, Templates, composed
from fastbatch.rules import checked_key, checked_timeout
from fastbatch.transports.http import HttpTransport
from fastbatch.typing import Constants, Message, Stamp, Template

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["Client"]

_QUICK_TRACK = {"userId": "u", "event": "e", "properties": {}}
_WAKE, _FULL = int(Code.WAKE), int(Code.FULL)


@with_quick_track
class Client(Calls, Quick):
    """
    Takes events and delivers them in batches, in the background.

    Every event has exactly one outcome, which `stats` counts. Nothing here does I/O or blocks, except `flush`, `close`,
    and what ``on_full="block"`` and ``sync_mode`` ask for.

    Args:
        write_key: The source's key. It is sent to the endpoint and shown nowhere.
        **settings: See `Config`.

    Raises:
        ConfigError: Names the setting, its value and what is allowed.

    Thread safety:
        Any thread, any method. After a fork the child starts empty; what was queued stays the parent's.
    """

    def __init__(self, write_key: str, **settings: Unpack[Settings]) -> None:
        config = Config.from_settings(settings)
        if config.super_properties is not None:
            plain = _plain(config.super_properties, "super_properties")
            config = dataclasses.replace(config, super_properties=plain)
        self._dialect = dialects.resolve(config.dialect, config)
        self._config = config.with_limits(self._dialect.limits)
        self._write_key = checked_key(write_key)
        self._constants = Constants(
            _plain(config.default_context or {}, "default_context"),
            None if config.integrations is None else _plain(config.integrations, "integrations"),
        )
        transport = config.transport  # what is given may be false, and is not None
        if transport is None:
            transport = HttpTransport(config.proxy, config.ca_file, config.ssl_context, pool_size=config.senders)
        self._transport = transport
        self._is_closed = False
        self._fork_locks: dict[int, threading.RLock] = {}
        if config.debug:
            debug.show(config.logger)
        self._bind()
        lifecycle.renew_after_fork(self)

    @classmethod
    def from_env(cls, write_key: str | None = None, **settings: Unpack[Settings]) -> Self:
        """
        Return a client whose settings come from the environment: ``FASTBATCH_<NAME>``.

        Args:
            write_key: ``FASTBATCH_WRITE_KEY`` unless given.
            **settings: Win over the environment.

        Raises:
            ConfigError: Also for a variable that cannot be read as what its setting is, or is none.
        """
        key = os.environ.get("FASTBATCH_WRITE_KEY", "") if write_key is None else write_key
        return cls(key, **cast("Settings", {**settings_from_environment(), **settings}))

    def _set_before_send(self, function: Callable[..., Any] | None) -> None:
        """Change what sees every message, from now on; raises `ConfigError` for what is no function."""
        self._config = dataclasses.replace(self._config, before_send=function)
        self._hook = Hook(function, self._config, self._dialect, self._engine.delivery) if function else None
        if not self._is_closed:
            self._track_entry, self._capture_entry = self._quick_track_entry(), self._quick_capture_entry()

    def _bind(self) -> None:
        """Make a new, empty engine, and what the shorthands keep of it."""
        engine = Engine(self._config, self._dialect, self._write_key, self._transport)
        # In this order, and read in the reverse one: a thread of a forked child that is in `enqueue` meanwhile has
        # either the parent's lane, which sends it here, or nothing of the parent's at all.
        self._engine = engine
        before_send = self._config.before_send
        self._hook = Hook(before_send, self._config, self._dialect, engine.delivery) if before_send else None
        self._templates = Templates(engine, self._dialect, self._constants)
        self._pid = os.getpid()
        self._lanes = engine.lanes
        self._first_lane = engine.lanes[0]
        self._track_entry = self._quick_track_entry()
        self._capture_entry = self._quick_capture_entry()
        # A client that is forgotten without being closed still delivers what it took.
        self._finalizer = weakref.finalize(self, engine.begin_closing)
        self._finalizer.atexit = False

    def _quick_track_entry(self) -> QuickEntry | None:
        """
        Return the way of the commonest call, `track` with just a user, a name and properties; None where it has none:
        it needs a dialect that takes the fields as they are.
        """
        if not self._may_be_quick():
            return None
        if self._dialect.fields("track", dict(_QUICK_TRACK), self._constants) != _QUICK_TRACK:
            return None
        template = self._dialect.template("track", frozenset(_QUICK_TRACK), self._constants)
        place = template.index(Stamp.FIELDS)
        values = (b'"userId":', Stamp.VALUE, b',"event":', Stamp.VALUE, b',"properties":', Stamp.VALUE)
        return self._quick_entry((*template[:place], *values, *template[place + 1 :]))

    def _quick_capture_entry(self) -> CaptureEntry | None:
        """Return the way of `capture_quickly`, None where the dialect or the settings have none."""
        form = self._dialect.quick("capture", self._constants) if self._may_be_quick() else None
        entry = None if form is None else self._quick_entry(form.template)
        return None if form is None or entry is None else CaptureEntry(entry, form.reserved)

    def _may_be_quick(self) -> bool:
        """Return whether nothing is asked of a call but to encode and to append at the system's time, in one lane."""
        config = self._config
        is_asked = config.disabled or config.sync_mode or config.ordering or config.before_send
        return dumps is not None and not is_asked and config.clock is time.time_ns

    def _quick_entry(self, template: Template) -> QuickEntry | None:
        number = self._templates.number_of(template)
        if number is None:
            return None
        core = self._first_lane.core
        entry = core.entry(number)
        after_push = type(self)._after_push  # noqa: SLF001 - our own
        encoding = (cast("Callable[..., bytes]", dumps), *DUMPS_ARGUMENTS)
        return QuickEntry(*encoding, after_push, core, core.push, entry, *core.addresses(entry))

    # Events.

    def _after_push(self, code: int) -> bool | None:
        """Act on what the core said to a quick `track`: return its result, or None to leave it to `enqueue`."""
        if code == _WAKE:
            self._engine.wake(self._first_lane)
            return True
        if code == _FULL and self._config.on_full == "drop_newest":
            # A program whose endpoint is down comes here millions of times.
            self._engine.ledger.refuse("queue_full")
            self._engine.notices.tell("refused", "queue_full", 1)
            return False
        return None

    def enqueue(self, message: Message) -> bool:
        """
        Take a message for delivery.

        It is encoded before this returns; the caller's objects are neither kept nor changed.

        Args:
            message: `Track`, `Identify`, `Page`, `Screen`, `Group`, `Alias`, `Capture`, `GroupIdentify`, or what
                follows the `Message` Protocol.

        Returns:
            True when it was accepted, False when it was refused; `stats` counts the cause.

        Raises:
            FieldError: A field is missing or not allowed, or has no JSON form.
            MessageTooLargeError: The encoded message exceeds ``max_message_bytes``, or what a batch can hold.
            ClosedError: After `close`.
            QueueFullError: With ``on_full="raise"``.
            ConfigError: The ``clock`` says no time.
            Exception: What the message's own code raises; it is counted as invalid.
        """
        is_accepted, _ = self._enqueue_revised(message)
        return is_accepted

    def _enqueue_revised(self, message: Message) -> tuple[bool, dict[str, Any] | None]:
        """
        Enqueue, and say what ``before_send`` has made of the message.

        It is None without a ``before_send``, and when that has dropped the message, which is accepted all the same.
        """
        if self._config.disabled:
            self._engine.ledger.refuse("disabled")
            return False, None
        if self._is_closed:
            self._refuse_closed()
        if self._hook is not None:
            self._notice_fork()  # before anything of the parent's is used: the hook counts what it drops
        revised = None
        try:
            kind, fields = message.kind, message.fields()
            lane = self._lane_of(fields)
            number, template = self._templates.find(kind, frozenset(fields))
            if self._hook is None:
                data = encode_fields(self._dialect.fields(kind, fields, self._constants), kind)
            else:
                revised = self._hook.revise(kind, fields, template, self._constants)
                if revised is None:
                    return True, None
                number, template, data = self._templates.whole, WHOLE, revised.data
        except FieldError as error:
            self._refuse_field(error)
            raise
        except Exception as error:
            # Whatever else: the message's own code, or the dialect's, is a third party's.
            self._refuse("invalid", type(error).__name__)
            if hasattr(message, "kind") and hasattr(message, "fields"):
                raise
            raise FieldError("Client", "enqueue", type(message), "a message, such as Track") from None
        if number is None:
            number, template, data = self._templates.whole, WHOLE, composed(template, data, self._now())
        is_accepted = self._append(message, lane, number, template, data)
        return is_accepted, None if revised is None else revised.message

    def _lane_of(self, fields: dict[str, Any]) -> Lane:
        lanes = self._lanes
        if len(lanes) == 1:
            return lanes[0]
        try:
            return lanes[hash(fields.get("userId") or fields.get("anonymousId")) % len(lanes)]
        except TypeError:
            return lanes[0]  # an id that is a list or a dict: what has none to go by keeps its order in one lane

    def _append(self, message: Message, lane: Lane, number: int, template: Template, data: bytes) -> bool:
        deadline = time.monotonic() + self._config.block_timeout if self._config.on_full == "block" else 0.0
        while (code := lane.core.append(number, data, self._now())) < 0:
            if code == Code.FULL:
                if not self._make_room(lane, deadline):
                    return False
            elif code == Code.FORKED:
                # A fork that Python did not see, such as uWSGI's.
                self._renew(lane)
                if template is not WHOLE:
                    return self.enqueue(message)
                # Nothing is left to stamp, and a hook sees a message once.
                lane, number = self._lane_of(message.fields()), self._templates.whole
            elif code == Code.TOO_LARGE:
                self._refuse("too_large")
                raise MessageTooLargeError(message_length(template, len(data)), self._engine.max_message_bytes)
            elif code == Code.CLOSED:
                self._refuse_closed()
            else:  # the template is a third party's
                self._refuse("invalid")
                raise FieldError(title(message.kind), "kind", message.kind, "of a template with `Stamp.FIELDS`")
        if code == Code.WAKE:
            self._engine.wake(lane)
        if self._config.sync_mode:
            self._engine.send_now()
        return True

    def _now(self) -> int:
        """Return what the clock says, in order to stamp a message that is refused when it says no time."""
        try:
            now_ns = self._config.clock()
        except Exception:
            self._refuse("invalid", "Config.clock")
            raise
        if isinstance(now_ns, int) and 0 <= now_ns < 1 << 63:
            return now_ns
        self._refuse("invalid", "Config.clock")
        raise ConfigError("clock", now_ns, "a function that returns nanoseconds since 1970, which are not negative")

    def _make_room(self, lane: Lane, deadline: float) -> bool:
        """Act on a full queue: True when the message may be offered again, False when it is refused."""
        on_full = self._config.on_full
        if on_full == "drop_oldest" and self._engine.evict(lane):
            return True
        if on_full == "block" and self._engine.wait_for_room(lane, deadline):
            return True
        self._refuse("queue_full")
        if on_full == "raise":
            raise QueueFullError(self._config.max_queue_bytes)
        return False

    def _refuse(self, cause: str, detail: str = "") -> None:
        self._engine.ledger.refuse(cause)
        self._engine.notices.tell("refused", cause, 1, detail)

    def _refuse_field(self, error: FieldError) -> None:
        detail = f"{error.kind}.{error.field}"
        if isinstance(error, UnserializableError):
            self._refuse("unserializable", detail)
        else:
            self._refuse("invalid", detail)

    def _refuse_closed(self) -> NoReturn:
        self._refuse("closed")
        raise ClosedError

    # Lifecycle.

    def flush(self, timeout: float | None = 10.0) -> FlushResult:
        """
        Send what is queued without waiting for batches to fill, and wait for the outcome of all accepted so far.

        Events accepted while it waits are not waited for.

        Args:
            timeout: Seconds; None waits as long as it takes.
        """
        timeout = checked_timeout(timeout)
        self._notice_fork()
        return self._engine.flush(timeout)

    def close(self, timeout: float | None = 10.0) -> FlushResult:
        """
        Refuse further events, `flush`, and stop. What has no outcome by then is dropped and counted.

        Closing twice does no harm.

        Args:
            timeout: Seconds; None waits as long as it takes.
        """
        timeout = checked_timeout(timeout)
        self._notice_fork()
        self._is_closed = True
        self._track_entry = self._capture_entry = None
        self._finalizer.detach()
        return self._engine.close(timeout)

    def stats(self) -> Stats:
        """Return the account of all events so far."""
        self._notice_fork()
        return self._engine.stats()

    def after_fork_in_child(self) -> None:
        """Start anew and empty in a forked child. Python's own forks call it; after others the first call does."""
        self._finalizer.detach()
        self._bind()
        if self._is_closed:
            self._track_entry = self._capture_entry = None

    def _notice_fork(self) -> None:
        # A fork that Python did not see. `enqueue` learns of it from the core.
        lane = self._first_lane
        if os.getpid() != self._pid:
            self._renew(lane)

    def _renew(self, lane: Lane) -> None:
        """Start anew in a forked child, unless another thread has; ``lane`` is one of the parent's."""
        # A lock for each process: a fork may leave the parent's taken.
        with self._fork_locks.setdefault(os.getpid(), threading.RLock()):
            if lane in self._lanes:
                self.after_fork_in_child()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        endpoint = self._config.endpoint or self._dialect.endpoint
        return f"<fastbatch.Client {self._dialect.name} {endpoint}{' closed' if self._is_closed else ''}>"


def _plain(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a constant as plain JSON values, which the client then owns."""
    try:
        plain: dict[str, Any] = loads(encode({name: dict(value)}, "Config"))[name]
    except FieldError as error:
        raise ConfigError(name, value, f"a mapping of values that have a JSON form ({error})") from None
    return plain
