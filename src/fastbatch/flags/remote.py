"""Flags decided by the server: one request, few retries, all of it within one time limit."""

from __future__ import annotations

import random
import threading
import time
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastbatch.errors import FlagsError, TransportError
from fastbatch.flags.answer import FlagsAnswer, parse_answer
from fastbatch.flags.exchange import FLAGS_LIMIT, HEADERS, ask, decode, failure_of
from fastbatch.flags.question import Question, encode_question
from fastbatch.typing import Request, Response, Transport

__all__ = ["Remote"]

RETRY_WAIT = 0.3
"""Seconds before the first retry; twice as long before each further one."""
_RETRIED_STATUSES = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT})


class Remote:
    """
    The endpoints of one project that decide flags.

    Args:
        project_api_key: Names the project.
        endpoint: Base URL.
        transport: Carries the requests.
        timeout: The longest that a call may take, its retries included, seconds.
        max_retries: Further tries after network errors, 502 and 504; a refused connection is not tried again.

    Thread safety:
        Any number of threads; it keeps nothing between calls.
    """

    def __init__(
        self, project_api_key: str, endpoint: str, transport: Transport, timeout: float, max_retries: int
    ) -> None:
        self._project_api_key = project_api_key
        self._endpoint = endpoint.rstrip("/")
        self._transport = transport
        self._timeout = timeout
        self._max_retries = max_retries
        self._is_closed = threading.Event()

    def decide(self, question: Question) -> FlagsAnswer:
        """
        Ask the server.

        Raises:
            FlagsError: When there is no answer that can be used.
        """
        body = encode_question(question, self._project_api_key)
        headers = {**HEADERS, "Content-Type": "application/json"}
        request = Request("POST", f"{self._endpoint}/flags/?v=2", headers, body, FLAGS_LIMIT)
        return parse_answer(self._send(request))

    def remote_config(self, key: str, personal_api_key: str) -> Any:
        """
        Return a remote config flag's payload, decrypted by the server.

        Raises:
            FlagsError: When there is no answer that can be used.
        """
        path = f"/api/projects/@current/feature_flags/{quote(key, safe='')}/remote_config"
        url = f"{self._endpoint}{path}?token={quote(self._project_api_key, safe='')}"
        headers = {**HEADERS, "Authorization": f"Bearer {personal_api_key}"}
        response = ask(self._transport, Request("GET", url, headers, b"", FLAGS_LIMIT), self._timeout)
        if response.status != HTTPStatus.OK:
            raise failure_of(response, self._project_api_key, personal_api_key)
        return decode(response, FLAGS_LIMIT)

    def close(self) -> None:
        """End the waits between tries."""
        self._is_closed.set()

    def _send(self, request: Request) -> Any:
        deadline = time.monotonic() + self._timeout
        retries = 0
        while isinstance(answer := self._try(request, deadline - time.monotonic()), FlagsError):
            wait = RETRY_WAIT * 2**retries * random.uniform(0.9, 1.1)
            is_last = retries == self._max_retries or time.monotonic() + wait >= deadline
            if is_last or not _is_worth_a_retry(answer) or self._is_closed.wait(wait):
                raise answer
            retries += 1
        return answer

    def _try(self, request: Request, timeout: float) -> Any:
        try:
            response = ask(self._transport, request, timeout)
            return decode(response, FLAGS_LIMIT) if response.status == HTTPStatus.OK else self._failure(response)
        except FlagsError as error:
            return error

    def _failure(self, response: Response) -> FlagsError:
        return failure_of(response, self._project_api_key)


def _is_worth_a_retry(error: FlagsError) -> bool:
    if error.status in _RETRIED_STATUSES:
        return True
    cause = error.__cause__
    is_refused = isinstance(cause, TransportError) and cause.kind == "refused"
    return error.word in ("timeout", "connection_error") and not is_refused
