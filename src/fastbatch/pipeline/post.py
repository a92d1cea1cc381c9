"""One HTTP attempt: a framed body in, the dialect's verdict out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastbatch.config import Config
from fastbatch.errors import TransportError
from fastbatch.pipeline.compress import Compressor
from fastbatch.pipeline.notices import Notices
from fastbatch.typing import Dialect, Request, Response, Transport, Verdict

__all__ = ["Answer", "Post"]


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What came of an attempt.

    Args:
        verdict: What it means.
        response: None when there was none.
        is_ambiguous: True when there was no response, and the server may have the whole request.
        sent_bytes: Length of the body as sent.
    """

    verdict: Verdict
    response: Response | None
    is_ambiguous: bool
    sent_bytes: int

    @property
    def status(self) -> int | None:
        """HTTP status, None when there was no response."""
        return None if self.response is None else self.response.status


class Post:
    """Where batches go and how: URL, headers, compression, transport."""

    def __init__(  # noqa: PLR0913, PLR0917 the parts it joins
        self,
        config: Config,
        dialect: Dialect,
        write_key: str,
        transport: Transport,
        compressor: Compressor,
        notices: Notices,
    ) -> None:
        self._endpoint = config.endpoint or dialect.endpoint
        self._dialect = dialect
        self._transport = transport
        self._compressor = compressor
        self._notices = notices
        self._timeout = config.request_timeout
        self._url = dialect.url(self._endpoint)
        self._max_response_bytes = dialect.max_response_bytes
        self._headers = _merged(dialect.headers(write_key), config.headers or {})
        self._batch_headers = dict(self._headers)
        if compressor.encoding is not None:
            self._batch_headers["Content-Encoding"] = compressor.encoding

    def send(self, body: memoryview, attempt_headers: Mapping[str, str]) -> Answer:
        """Make one attempt. Never raises: whatever a transport or a dialect of a third party does is an answer."""
        payload = self._compressor(body)
        headers = {**self._batch_headers, **attempt_headers} if attempt_headers else self._batch_headers
        request = Request("POST", self._url, headers, payload, self._max_response_bytes)
        try:
            response = self._transport.send(request, self._timeout)
        except TransportError as error:
            return Answer(Verdict("retry", detail=str(error)), None, error.possibly_delivered, len(payload))
        except Exception as error:  # noqa: BLE001 a third party's transport may raise anything
            detail = f"the transport raised {type(error).__name__}"
            return Answer(Verdict("retry", detail=detail), None, True, len(payload))
        verdict = self._judge(response)
        return Answer(verdict, response, verdict.is_ambiguous, len(payload))

    def _judge(self, response: Response) -> Verdict:
        try:
            verdict: object = self._dialect.verdict(response)
        except Exception as error:  # noqa: BLE001 a third party's dialect may raise anything
            return _failed(error)
        return verdict if isinstance(verdict, Verdict) else _unfounded(verdict)

    def judge_each(self, response: Response, messages: Sequence[bytes]) -> list[Verdict]:
        """Return the dialect's verdict for each of these messages; never raises."""
        try:
            verdicts = self._dialect.verdicts(response, messages)
            if len(verdicts) == len(messages):
                return [one if isinstance(one, Verdict) else _unfounded(one) for one in verdicts]
            failed = Verdict("drop", detail=f"the dialect has {len(verdicts)} verdicts on {len(messages)} messages")
        except Exception as error:  # noqa: BLE001 a third party's dialect may raise anything
            failed = _failed(error)
        return [failed] * len(messages)

    def ask(self, method: str, url: str) -> Response:
        """Make a request of the dialect's own, such as a question about routes."""
        return self._transport.send(Request(method, url, self._headers, b""), self._timeout)

    def reroute(self, events: int) -> None:
        """Let the dialect bring its routes up to date, for the sake of so many events; never raises."""
        try:
            self._dialect.reroute(self.ask, self._endpoint)
        except Exception as error:  # noqa: BLE001 then the old routes stay, and the batch is tried again with them
            problem = str(error) if isinstance(error, TransportError) else f"the dialect raised {type(error).__name__}"
            self._notices.tell("not rerouted", "the old routes stay", events, problem)


def _failed(error: Exception) -> Verdict:
    return Verdict("drop", "rejected", detail=f"the dialect raised {type(error).__name__} on the answer")


def _unfounded(verdict: object) -> Verdict:
    return Verdict("drop", "rejected", detail=f"the dialect returned {type(verdict).__name__} instead of a verdict")


def _merged(headers: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Return both; a name that ``chosen`` has, in whatever case, is not sent twice."""
    names = {name.lower() for name in chosen}
    return {**{name: text for name, text in headers.items() if name.lower() not in names}, **chosen}
