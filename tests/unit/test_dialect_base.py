"""The registry, and what a third party gets from `BaseDialect`."""

from __future__ import annotations

import pytest

from fastbatch.dialects import BaseDialect, RudderStack, Segment, resolve
from fastbatch.errors import ConfigError
from fastbatch.typing import Attempt, Constants, Dialect, Envelope, Limits, Response, Stamp

ATTEMPT = Attempt(1, "01a1fd95-9b9b-431e-bc15-a940cc2e804b", "2026-11-21T10:09:52.945Z", "2026-11-21T10:09:53.945Z", 0)


class Acme(BaseDialect):
    """A vendor of one's own: the key in the body, microseconds, and other limits."""

    name = "acme"
    endpoint = "https://in.acme.example"
    path = "/track/bulk"
    limits = Limits(batch_size=10, max_message_bytes=1_000, max_batch_bytes=10_000)

    def members(self, kind: str, constants: Constants) -> dict[str, object]:
        return {"id": Stamp.MESSAGE_ID, "at": Stamp.TIMESTAMP_US, "source": {"sdk": "fastbatch"}}

    def envelope(self, write_key: str, sent_at: str) -> Envelope:
        return Envelope(b'{"key":"' + write_key.encode() + b'","events":[', b"]}")


def test_a_dialect_of_ones_own_is_one_small_class():
    """Everything that it does not say is the base's."""
    acme: Dialect = resolve(Acme())
    assert acme.template("track", frozenset(), Constants({}, None)) == (
        b'{"type":"track","id":"',
        Stamp.MESSAGE_ID,
        b'","at":"',
        Stamp.TIMESTAMP_US,
        b'",',
        Stamp.FIELDS,
        b',"source":{"sdk":"fastbatch"}}',
    )
    assert acme.url("https://in.acme.example/track") == "https://in.acme.example/track/bulk"
    assert (acme.routes, acme.route(b"{}"), acme.attempt_headers(ATTEMPT)) == (1, 0, {})
    assert acme.verdict(Response(503, {"retry-after": "4"}, b"")).retry_after == 4.0


def test_the_base_does_not_reroute():
    """There is one route, so there is nothing to ask."""
    asked: list[str] = []

    def ask(method: str, url: str) -> Response:
        asked.append(url)
        return Response(200, {}, b"")

    Acme().reroute(ask, "https://in.acme.example")
    assert asked == []


def test_template_that_stamps_nothing_is_text_and_fields():
    """The caller gave every member, so two literals surround the fields."""
    given = frozenset({"messageId", "timestamp", "context", "integrations"})
    template = Segment().template("track", given, Constants({}, {"All": True}))
    assert template == (b'{"type":"track",', Stamp.FIELDS, b"}")


@pytest.mark.parametrize("dialect", [Segment(), RudderStack(), Acme()], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("kind", ["track", "identify", "page", "screen", "group", "alias"])
def test_every_template_has_its_fields_once_and_begins_with_a_brace(dialect, kind):
    """The core relies on both."""
    template = dialect.template(kind, frozenset(), Constants({}, None))
    assert template.count(Stamp.FIELDS) == 1
    assert isinstance(template[0], bytes)
    assert template[0].startswith(b"{")


@pytest.mark.parametrize(("name", "kind"), [("segment", Segment), ("rudderstack", RudderStack)])
def test_a_name_resolves_to_a_new_dialect_each_time(name, kind):
    """A dialect has state of its client, such as the number of nodes."""
    first, second = resolve(name), resolve(name)
    assert type(first) is kind
    assert first is not second
    assert first.name == name


def test_an_object_resolves_to_itself():
    """It may have been configured, and may be anybody's."""
    dialect = RudderStack(no_proxy_support=True)
    assert resolve(dialect) is dialect


@pytest.mark.parametrize("dialect", ["mixpanel", "", "Segment", RudderStack])
def test_an_unknown_name_is_a_config_error_that_lists_the_known(dialect):
    """So is a class in place of its instance, which would fail much later."""
    with pytest.raises(ConfigError, match="'segment', 'rudderstack'"):
        resolve(dialect)
