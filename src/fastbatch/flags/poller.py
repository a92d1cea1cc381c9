"""Keeps flag definitions up to date on one thread, however many clients read them."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from http import HTTPStatus
from typing import Any

from fastbatch.errors import FlagsError
from fastbatch.flags.endpoint import DefinitionsEndpoint
from fastbatch.flags.forks import renew_after_fork
from fastbatch.flags.local.definitions import Definitions, compile_definitions
from fastbatch.flags.provider import SharedDefinitions

__all__ = ["Poller"]

JITTER = 0.1
"""How far a wait may be from the interval, as a part of it: processes that started together drift apart."""
_JOIN_SECONDS = 1.0
_SHOWN_PROBLEMS = 3
_CLEARING = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED})
"""Statuses after which the definitions that are there must not be used any more."""

_ADVICE: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the personal API key or the project API key is not accepted; flags are not decided here",
    HTTPStatus.PAYMENT_REQUIRED: "the quota is used up; flags are not decided here",
    HTTPStatus.FORBIDDEN: "the personal API key may not read this project's flags",
}


class Poller:
    """
    The definitions of one project, and the thread that fetches them.

    ``current`` is what evaluation reads: one attribute, replaced as a whole. It is None as long as nothing has come,
    and in a forked child until `need` was called.

    Args:
        endpoint: Where definitions come from.
        interval: Seconds between two fetches, more or less; None fetches only for `load`.
        logger: Hears of each kind of trouble once, until it is over.
        shared: Where definitions are shared with other processes, if they are.

    Thread safety:
        Any thread, any method. The thread starts when something is needed, and ends with `stop`.
    """

    def __init__(
        self,
        endpoint: DefinitionsEndpoint,
        interval: float | None,
        logger: logging.Logger,
        shared: SharedDefinitions | None = None,
    ) -> None:
        self.current: Definitions | None = None
        self._endpoint = endpoint
        self._interval = interval
        self._logger = logger
        self._shared = shared
        self._known: Definitions | None = None
        self._etag = ""
        self._error: FlagsError | None = None
        self._told = ""
        self._told_problems: tuple[str, ...] = ()
        self._is_stopped = False
        self._bind()
        renew_after_fork(self)

    def _bind(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._started = 0.0
        self._asked = 0
        self._begun = 0
        self._ended = 0

    # What clients ask.

    @property
    def latest(self) -> Definitions | None:
        """What came last, also in a forked child."""
        return self._known

    def need(self, patience: float) -> Definitions | None:
        """
        Return the definitions, started and waited for if this is the first need.

        Nobody waits longer than ``patience`` seconds after the start, and nobody waits after the first try.
        """
        self.notice_fork()
        if self._interval is not None and not self._is_stopped:
            if not self._start() and not self._ended:
                self._fetch()
            if self._known is None:
                with self._changed:
                    left = self._started + patience - time.monotonic()
                    self._changed.wait_for(lambda: self._ended > 0 or self._is_stopped, max(0.0, left))
        return self._offer()

    def load(self, timeout: float) -> None:
        """
        Fetch now, and wait for the end of it.

        Raises:
            FlagsError: What went wrong; ``timeout`` when it takes longer than ``timeout`` seconds.
        """
        self.notice_fork()
        with self._changed:
            self._asked = wanted = self._begun + 1
            self._changed.notify_all()
        if not self._start():
            self._fetch()
        with self._changed:
            in_time = self._changed.wait_for(lambda: self._ended >= wanted or self._is_stopped, timeout)
        self._offer()
        if not in_time:
            raise FlagsError("timeout", f"no definitions within {timeout:g} s")
        if self._error is not None:
            raise self._error

    def stop(self, *, wait: bool = True) -> None:
        """End the thread: at once when it rests, else when its request is over."""
        with self._changed:
            if self._is_stopped:
                return
            self._is_stopped = True
            thread, is_resting = self._thread, self._begun == self._ended
            self._changed.notify_all()
        if thread is None or not thread.is_alive():
            self._close()
        elif wait and is_resting and thread is not threading.current_thread():
            thread.join(_JOIN_SECONDS)

    def notice_fork(self) -> None:
        """Start anew if this is a forked child: its definitions stay, the thread is the parent's."""
        if os.getpid() != self._pid:
            self.renew()

    def renew(self) -> None:
        """What a forked child does before anything else."""
        self.current = None
        self._bind()

    def _offer(self) -> Definitions | None:
        # Under the lock: definitions that come at this moment must not be covered by those before them.
        with self._changed:
            self.current = self._known
            return self.current

    # The thread.

    def _start(self) -> bool:
        """Start the thread unless it runs; False when there can be none, and the caller has to do its work."""
        if self._thread is not None:
            return True
        with self._changed:
            if self._thread is not None or self._is_stopped:
                return True
            self._started = time.monotonic()
            thread = threading.Thread(target=self._run, name="fastbatch-flags", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # too many threads, or the interpreter is about to exit
                return False
            self._thread = thread
        return True

    def _run(self) -> None:
        try:
            while not self._is_stopped:
                self._fetch()
                self._rest()
        finally:
            self._close()

    def _rest(self) -> None:
        wait = None if self._interval is None else self._interval * random.uniform(1 - JITTER, 1 + JITTER)
        with self._changed:
            self._changed.wait_for(lambda: self._is_stopped or self._asked > self._begun, wait)

    def _close(self) -> None:
        self._endpoint.close()
        if self._shared is not None:
            self._shared.close()

    def _fetch(self) -> None:
        with self._changed:
            self._begun += 1
        try:
            self._error = self._try()
        except Exception as error:  # noqa: BLE001 the thread must live, and the old definitions stay
            self._error = FlagsError("unknown_error", type(error).__name__)
            self._tell(logging.ERROR, f"definitions cannot be used: {type(error).__name__}")
        finally:
            with self._changed:
                self._ended += 1
                self._changed.notify_all()

    def _try(self) -> FlagsError | None:
        payload = None if self._shared is None else self._shared.get()
        try:
            if payload is None:
                fetched = self._endpoint.fetch(self._etag if self._known is not None else "")
                if fetched.payload is not None:
                    self._publish(fetched.payload)
                    if self._shared is not None:
                        self._shared.store(fetched.payload)
                self._etag = fetched.etag
            else:
                self._publish(payload)
                self._etag = ""
        except FlagsError as error:
            self._act_on(error)
            return error
        if self._told:
            self._tell(logging.INFO, "")
        return None

    def _publish(self, payload: Any) -> None:
        try:
            definitions = compile_definitions(payload)
        except ValueError as error:
            raise FlagsError("unknown_error", f"not flag definitions: {error}") from None
        if not self._is_stopped:
            self._replace(definitions)
        if definitions.problems != self._told_problems:
            self._told_problems = definitions.problems
            self._warn_of(definitions.problems)

    def _replace(self, definitions: Definitions) -> None:
        with self._changed:
            self._known = self.current = definitions

    def _warn_of(self, problems: tuple[str, ...]) -> None:
        if problems:
            more = f" and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
            self._say(logging.WARNING, f"definitions: {'; '.join(problems[:_SHOWN_PROBLEMS])}{more}")

    def _act_on(self, error: FlagsError) -> None:
        if error.status in _CLEARING:
            self._replace(_nothing())
            self._etag = ""
        advice = _ADVICE.get(error.status or 0, "the definitions that are there stay in use")
        level = logging.WARNING if error.status is None else logging.ERROR
        self._tell(level, f"definitions cannot be fetched ({error.detail}): {advice}")

    def _tell(self, level: int, text: str) -> None:
        """Say it unless it was the last thing said; an empty text says that the trouble is over."""
        if text != self._told:
            self._told = text
            self._say(level, text or "definitions are fetched again")

    def _say(self, level: int, text: str) -> None:
        try:
            self._logger.log(level, "feature flags: %s", text)
        except Exception:  # noqa: BLE001 a handler's failure must not end the thread
            return


def _nothing() -> Definitions:
    return compile_definitions({"flags": []})
