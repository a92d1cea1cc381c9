"""A program that uses all of the public interface; type checkers read it, and a test runs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, ClassVar
from uuid import UUID, uuid4

from fastbatch import (
    BACKEND,
    Alias,
    Capture,
    Client,
    ClosedError,
    Config,
    ConfigError,
    Context,
    DeliveryError,
    DeliveryReport,
    FastbatchError,
    FieldError,
    FlushResult,
    Group,
    GroupIdentify,
    Identify,
    Integrations,
    MessageTooLargeError,
    Page,
    Product,
    Properties,
    QueueFullError,
    Screen,
    Stats,
    Track,
    Traits,
    TransportError,
    UnserializableError,
    __version__,
)
from fastbatch.config import Settings
from fastbatch.dialects import PostHog, RudderStack, Segment
from fastbatch.testing import CapturingTransport, FakeClock, assert_conserved
from fastbatch.typing import Callback, Dialect, Envelope, Message, Request, Response, Transport, Verdict


class Strict(Segment):
    """A dialect of a program's own."""

    name = "strict"

    def envelope(self, write_key: str, sent_at: str) -> Envelope:
        return super().envelope(write_key, sent_at)

    def verdict(self, response: Response) -> Verdict:
        if response.status == 499:
            return Verdict("drop", cause="rejected", detail="strict")
        return super().verdict(response)


class Wire:
    """A transport of a program's own."""

    def send(self, request: Request, timeout: float) -> Response:
        if timeout <= 0:
            raise TransportError("no time", possibly_delivered=False)
        return Response(200, {"x-length": str(len(request.body))}, b"")

    def close(self) -> None:
        pass


class Screening:
    """A message of a program's own."""

    kind: ClassVar[str] = "track"

    def fields(self) -> dict[str, Any]:
        return {"userId": "user-1", "event": "Screening"}


class Listener:
    """A callback of a program's own."""

    def __init__(self) -> None:
        self.delivered: list[dict[str, Any]] = []

    def success(self, message: dict[str, Any]) -> None:
        self.delivered.append(message)

    def failure(self, message: dict[str, Any], error: Exception) -> None:
        if isinstance(error, DeliveryError):
            print(error.cause, error.status, error.detail, message)


def wait(attempt: int) -> float:
    return 0.1 * attempt


def messages() -> list[Message]:
    product = Product(id="p1", sku="s1", name="Book", price=9.5).set_quantity(2)
    properties = Properties().set_revenue(39.95).set_products(product).set("plan", "pro")
    context = Context(ip="192.0.2.1", locale="en").set("tenant", 7)
    integrations = Integrations().disable_all().enable("Amplitude")
    now = datetime.now(timezone.utc)
    return [
        Track(user_id="u", event="E", properties=properties, context=context, integrations=integrations, timestamp=now),
        Track(user_id=7, event="E", properties={"plain": {"dict": True}}, timestamp="2026-01-02T03:04:05Z"),
        Identify(user_id="u", traits=Traits().set_email("a@example.com").set_age(44), message_id="m-1"),
        Group(user_id="u", group_id="g", traits={"size": 3}),
        Page(anonymous_id="a", name="Home", category="Start"),
        Screen(user_id="u", name="Home"),
        Alias(previous_id="a", user_id="u"),
        Screening(),
    ]


def messages_of_posthog() -> list[Message]:
    now = datetime.now(timezone.utc)
    return [
        Capture(
            distinct_id="u", event="E", groups={"company": "acme"}, uuid=uuid4(), set={"plan": "pro"}, timestamp=now
        ),
        Capture(
            distinct_id=UUID(int=7),
            event="E",
            properties=Properties().set_revenue(39.95),
            set_once={"a": 1},
            disable_geoip=False,
        ),
        GroupIdentify(type="company", key="acme", properties={"size": 3}, uuid=str(UUID(int=7))),
    ]


def without_email(event: dict[str, Any]) -> dict[str, Any] | None:
    event["properties"].pop("email", None)
    return event


def run_posthog() -> None:
    transport = CapturingTransport()
    mine: Dialect = PostHog(historical_migration=True, disable_geoip=False, super_properties={"team": "a"})
    with Client("phc_x", dialect=mine, transport=transport) as client:
        assert all(client.enqueue(message) for message in messages_of_posthog())
    with Client(
        "phc_x",
        dialect="posthog",
        capture_mode="v1",
        historical_migration=True,
        disable_geoip=None,
        super_properties={"team": "a"},
        is_server=False,
        before_send=without_email,
        debug=False,
        transport=transport,
    ) as client:
        assert all(client.enqueue(message) for message in messages_of_posthog())
    assert len(transport.messages) == 2 * len(messages_of_posthog())


def run(client: Client) -> Stats:
    with client:
        accepted: bool = client.track("user-1", "Order Completed", {"revenue": 39.95})
        accepted &= client.track(
            event="Seen", anonymous_id="a", context={"ip": "192.0.2.1"}, timestamp="2026-01-02T03:04:05Z"
        )
        accepted &= client.identify("user-1", {"plan": "pro"}, integrations={"All": False})
        accepted &= client.group("user-1", "group-1", {"size": 3}, message_id="m")
        accepted &= client.page("user-1", "Category", "Name", {"a": 1})
        accepted &= client.screen("user-1", None, "Name")
        accepted &= client.alias("before", "after")
        for message in messages():
            accepted &= client.enqueue(message)
        assert accepted
        result: FlushResult = client.flush(timeout=5.0)
        delivered, dropped, pending = result
        assert (delivered, dropped, pending) == (result.delivered, result.dropped, 0)
    stats: Stats = client.stats()
    counts: Mapping[str, int] = stats.dropped
    assert sum(counts.values()) + stats.delivered == stats.accepted
    return stats


def errors(client: Client) -> list[str]:
    calls: list[Callable[[], object]] = [
        lambda: client.track("user-1", ""),
        lambda: client.track("user-1", "Event", {"value": object()}),
        lambda: client.track("user-1", "Event", {"value": "x" * 40_000}),
        lambda: Client("WK", batch_size=0),
    ]
    return [said(call) for call in calls]


def said(call: Callable[[], object]) -> str:
    try:
        return str(call())
    except UnserializableError as error:
        return f"{error.kind} {error.field}"
    except FieldError as error:
        return f"{error.field} {error.allowed}"
    except MessageTooLargeError as error:
        return f"{error.size > error.limit}"
    except ConfigError as error:
        return f"{error.field} {error.value} {error.allowed}"
    except (ClosedError, QueueFullError, FastbatchError) as error:
        return str(error)


def every_setting(reports: list[DeliveryReport], transport: Transport, callback: Callback) -> Settings:
    dialect: Dialect = Strict()
    return {
        "dialect": dialect,
        "endpoint": "http://127.0.0.1:8080",
        "interval": 1,
        "batch_size": 100,
        "max_message_bytes": 32_768,
        "max_batch_bytes": 500_000,
        "max_queue_bytes": 1 << 20,
        "on_full": "drop_oldest",
        "block_timeout": 1.0,
        "senders": 3,
        "compression": "none",
        "compression_level": None,
        "request_timeout": 2.5,
        "retry_after": wait,
        "max_attempts": 4,
        "delivery_timeout": 3600.0,
        "close_timeout": 1.0,
        "ordering": "user",
        "default_context": Context(locale="en"),
        "integrations": Integrations().enable_all(),
        "callback": callback,
        "on_delivery": reports.append,
        "logger": logging.getLogger("mine"),
        "verbose": True,
        "sync_mode": False,
        "disabled": False,
        "transport": transport,
        "clock": FakeClock(),
        "proxy": None,
        "ca_file": None,
        "ssl_context": None,
        "headers": {"X-Tenant": "7"},
    }


def main() -> None:
    logging.getLogger("fastbatch").addHandler(logging.NullHandler())
    reports: list[DeliveryReport] = []
    listener = Listener()
    settings = every_setting(reports, Wire(), listener)
    stats = run(Client("WK", **settings))
    assert stats.delivered == len(listener.delivered) == sum(report.messages for report in reports)
    captured = CapturingTransport(503, TransportError("gone", possibly_delivered=True))
    client = Client.from_env("WK", transport=captured, retry_after=lambda attempt: 0.0, dialect=RudderStack())
    events: list[object] = [message.get("event") for message in captured.messages]
    assert [text.split()[0] for text in errors(client)] == ["event", "Track", "True", "batch_size"]
    assert_conserved(client)
    run(client)
    run_posthog()
    assert Config(batch_size=7).batch_size == 7
    print(BACKEND, __version__, len(events))


if __name__ == "__main__":
    main()
