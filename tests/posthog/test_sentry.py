"""The integration with the real sentry-sdk, whose errors arrive at a real server, as do PostHog's events."""

from __future__ import annotations

import json

import pytest

from tests.posthog.programs import SENTRY_MIDDLEWARE, django_program
from tests.support.faulty_server import FaultyServer

START = """
import sys
import sentry_sdk
import fastbatch.posthog as posthog
from fastbatch.posthog.sentry import POSTHOG_ID_TAG
from fastbatch.posthog.sentry.posthog_integration import PostHogIntegration
posthog.api_key = "phc"
posthog.host = sys.argv[1]
"""
INIT = (
    "sentry_sdk.init(dsn=sys.argv[2], integrations=[PostHogIntegration()], default_integrations={defaults},"
    " transport_queue_size=10)\n"
)
FAIL = "try:\n    1/0\nexcept ZeroDivisionError as error:\n    sentry_sdk.capture_exception(error)\n"
END = "sentry_sdk.flush(5)\nposthog.shutdown()\n"


class Both:
    """PostHog's server and Sentry's."""

    def __init__(self, posthog: FaultyServer, sentry: FaultyServer) -> None:
        self.posthog = posthog
        self.sentry = sentry
        self.dsn = f"http://public@127.0.0.1:{sentry.port}/42"

    @property
    def events(self) -> list[dict]:
        return [event for request in self.posthog.requests for event in request.json["batch"]]

    @property
    def errors(self) -> list[dict]:
        """The events of all of Sentry's envelopes: lines of JSON, a header before each item."""
        found = []
        for request in self.sentry.requests:
            lines = request.body.splitlines()
            for header, item in zip(lines[1::2], lines[2::2], strict=False):
                if json.loads(header).get("type") == "event":
                    found.append(json.loads(item))
        return found


@pytest.fixture
def servers(server):
    with FaultyServer() as sentry:
        yield Both(server, sentry)


@pytest.fixture
def run(run_program, servers):
    def run_well(text, defaults=False):
        program = START + text.replace("INIT\n", INIT.format(defaults=defaults)) + END
        done = run_program(program, servers.posthog.url(), servers.dsn)
        assert done.returncode == 0, done.stderr

    return run_well


def test_an_error_with_the_tag_is_linked_both_ways(run, servers):
    run("PostHogIntegration.organization = 'acme'\nINIT\nsentry_sdk.set_tag(POSTHOG_ID_TAG, 'user 1/x')\n" + FAIL)
    (error,) = servers.errors
    (event,) = servers.events
    assert error["tags"]["PostHog URL"] == f"{servers.posthog.url()}/person/user%201%2Fx"
    assert (event["event"], event["distinct_id"]) == ("$exception", "user 1/x")
    properties = event["properties"]
    assert properties["$sentry_event_id"] == error["event_id"]
    assert properties["$sentry_exception"]["values"][0]["type"] == "ZeroDivisionError"
    assert properties["$sentry_url"] == (
        f"https://sentry.io/organizations/acme/issues/?project=42&query={error['event_id']}"
    )


def test_prefix_and_project_may_be_chosen(run, servers):
    run(
        "PostHogIntegration.organization = 'acme'\nPostHogIntegration.project_id = 7\n"
        "PostHogIntegration.prefix = 'https://sentry.example.com/organizations/'\n"
        "INIT\nsentry_sdk.set_tag(POSTHOG_ID_TAG, 'u')\n" + FAIL
    )
    url = servers.events[0]["properties"]["$sentry_url"]
    assert url.startswith("https://sentry.example.com/organizations/acme/issues/?project=7&query=")


def test_without_an_organization_there_is_no_address(run, servers):
    run("INIT\nsentry_sdk.set_tag(POSTHOG_ID_TAG, 'u')\n" + FAIL)
    assert "$sentry_url" not in servers.events[0]["properties"]


@pytest.mark.parametrize(
    "text",
    [
        "INIT\n" + FAIL,
        "INIT\nsentry_sdk.set_tag(POSTHOG_ID_TAG, 'u')\nsentry_sdk.capture_message('hello', level='info')\n",
        "INIT\nsentry_sdk.init(dsn=sys.argv[2], default_integrations=False)\n"
        "sentry_sdk.set_tag(POSTHOG_ID_TAG, 'u')\n" + FAIL,
    ],
    ids=["no tag", "no error", "not integrated"],
)
def test_other_events_of_sentry_are_left_alone(run, servers, text):
    run(text)
    assert servers.events == []
    (error,) = servers.errors
    assert "PostHog URL" not in error.get("tags", {})


def test_a_message_of_level_error_has_no_exception_and_is_linked_all_the_same(run, servers):
    run("INIT\nsentry_sdk.set_tag(POSTHOG_ID_TAG, 'u')\nsentry_sdk.capture_message('hello', level='error')\n")
    assert servers.events[0]["properties"]["$sentry_exception"] is None
    assert len(servers.errors) == 1


def test_sentrys_report_is_not_lost_when_posthog_cannot_be_told(run, servers):
    run(
        "posthog.poll_interval = -1\nINIT\nsentry_sdk.set_tag(POSTHOG_ID_TAG, 'u')\n"
        + FAIL
        + "posthog.poll_interval = 30\n"
    )
    assert len(servers.errors) == 1
    assert servers.events == []


def test_sentrys_own_integrations_do_not_get_in_the_way(run, servers):
    """Its logging integration hears of what fastbatch logs; that must not become a circle."""
    run("INIT\nsentry_sdk.set_tag(POSTHOG_ID_TAG, 'u')\n" + FAIL, defaults=True)
    assert len(servers.errors) == len(servers.events) == 1


def test_the_middleware_tags_the_errors_of_a_request(run_program, servers):
    options = "{'POSTHOG_DJANGO': {'distinct_id': lambda request: request.headers.get('X-Person')}}"
    body = (
        "import sentry_sdk\n"
        "from fastbatch.posthog.sentry.posthog_integration import PostHogIntegration\n"
        "from sentry_sdk.integrations.django import DjangoIntegration\n"
        "sentry_sdk.init(dsn=sys.argv[2], integrations=[PostHogIntegration(), DjangoIntegration()],"
        " default_integrations=False, auto_enabling_integrations=False)\n"
        "client = Client(raise_request_exception=False)\n"
        "client.get('/fails', HTTP_X_PERSON='ann')\n"
        "client.get('/fails')\n"
        "sentry_sdk.flush(5)\n"
    )
    text = django_program(body, options, SENTRY_MIDDLEWARE)
    done = run_program(text, servers.posthog.url(), servers.dsn)
    assert done.returncode == 0, done.stderr
    assert len(servers.errors) == 2
    assert [event["distinct_id"] for event in servers.events] == ["ann"]


@pytest.mark.parametrize(
    "options", ["{}", "{'POSTHOG_DJANGO': {}}", "{'POSTHOG_DJANGO': {'distinct_id': lambda request: 1 / 0}}"]
)
def test_the_middleware_never_fails_a_request(run_program, servers, options):
    body = "assert Client().get('/seen').status_code == 200\n"
    done = run_program(django_program(body, options, SENTRY_MIDDLEWARE), servers.posthog.url())
    assert done.returncode == 0, done.stderr
