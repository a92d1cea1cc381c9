"""A real Django application, over WSGI's handler and over ASGI's, whose events arrive at a real server."""

from __future__ import annotations

import sys

import pytest

from tests.posthog.programs import django_program

HEADERS = {
    "HTTP_X_POSTHOG_DISTINCT_ID": "from-header",
    "HTTP_X_POSTHOG_SESSION_ID": "session-1",
    "HTTP_X_FORWARDED_FOR": "203.0.113.7",
    "HTTP_USER_AGENT": "Browser/1",
}
SYNC = "client = Client(raise_request_exception=False)\ndef get(url, **h):\n    return client.get(url, **h)\n"
ASYNC = (
    "client = AsyncClient(raise_request_exception=False)\n"
    "def get(url, **h):\n"
    "    named = {k[5:].replace('_', '-').lower(): v for k, v in h.items()}\n"
    "    return asyncio.run(client.get('/a' + url[1:], headers=named))\n"
)


@pytest.fixture(params=["sync", "async"])
def run(request, run_program, server):
    """A function that runs requests against the application, and returns the events that arrived."""
    ways = {"sync": SYNC, "async": ASYNC}

    def run_well(body: str, options: str = "{}"):
        done = run_program(django_program(ways[request.param] + body, options), server.url())
        assert done.returncode == 0, done.stderr
        return [event for request in server.requests for event in request.json["batch"]]

    return run_well


def test_a_request_is_a_context(run):
    (event,) = run(f"assert get('/seen?q=1', **{HEADERS!r}).json() == {{'ok': True}}")
    properties = event["properties"]
    assert event["distinct_id"] == "from-header"
    assert properties["$session_id"] == "session-1"
    assert properties["$current_url"].startswith("http://testserver/")
    assert properties["$current_url"].endswith("seen?q=1")
    assert properties["$request_method"] == "GET"
    assert properties["$request_path"].endswith("seen")
    assert properties["$ip"] == "203.0.113.7"
    assert properties["$user_agent"] == properties["$raw_user_agent"] == "Browser/1"
    assert "$process_person_profile" not in properties
    assert "$current_url" in properties["$context_tags"]


def test_who_is_logged_in_is_the_person_unless_a_header_says_otherwise(run):
    first, second = run(
        "get('/seen', HTTP_X_LOGGED_IN='1')\n"
        "get('/seen', HTTP_X_LOGGED_IN='1', HTTP_X_POSTHOG_DISTINCT_ID='from-header')"
    )
    assert (first["distinct_id"], first["properties"]["email"]) == ("42", "ann@example.com")
    assert second["distinct_id"] == "from-header"


def test_nobody_is_nobody_and_requests_do_not_mix(run):
    first, second = run("get('/seen', HTTP_X_POSTHOG_DISTINCT_ID='u', HTTP_X_POSTHOG_SESSION_ID='s')\nget('/seen')")
    assert first["distinct_id"] == "u"
    assert second["properties"]["$process_person_profile"] is False
    assert "$session_id" not in second["properties"]


def test_headers_are_cleaned_and_cut(run):
    """Anybody may send them."""
    (event,) = run(
        "get('/seen', HTTP_X_POSTHOG_DISTINCT_ID=' a\\x07b' + 'x' * 5000, HTTP_X_POSTHOG_SESSION_ID=' \\x01 ')"
    )
    assert event["distinct_id"] == "ab" + "x" * 998
    assert "$session_id" not in event["properties"]


def test_an_exception_of_a_view_is_captured_once_with_the_requests_properties(run):
    (event,) = run("assert get('/fails', HTTP_X_POSTHOG_DISTINCT_ID='u').status_code == 500")
    properties = event["properties"]
    (entry,) = properties["$exception_list"]
    assert (event["event"], event["distinct_id"]) == ("$exception", "u")
    assert (properties["$exception_level"], properties["$exception_source"]) == ("error", "django.middleware")
    assert entry["mechanism"]["type"] == "middleware"
    assert entry["mechanism"]["handled"] is False
    assert entry["stacktrace"]["frames"][-1]["function"].endswith("failing")
    assert properties["$request_path"].endswith("fails")


@pytest.mark.parametrize(("value", "count"), [("False", 0), ("True", 1), ("None", 0), ("'text'", 1)])
def test_whether_exceptions_are_captured_is_a_setting(run, value, count):
    options = f"{{'POSTHOG_MW_CAPTURE_EXCEPTIONS': {value}}}"
    events = run("get('/fails')\nget('/seen')", options)
    assert [event["event"] for event in events] == ["$exception"] * count + ["seen"]


def test_none_is_what_the_client_says(run):
    body = "posthog.enable_exception_autocapture = True\nget('/fails')"
    assert len(run(body, "{'POSTHOG_MW_CAPTURE_EXCEPTIONS': None}")) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("{'POSTHOG_MW_CAPTURE_TRACING_HEADERS': False}", "42"),
        ("{'POSTHOG_MW_TRUST_TRACING_HEADERS': False}", "42"),
        ("{'POSTHOG_MW_TRUST_TRACING_HEADERS': False, 'POSTHOG_MW_CAPTURE_TRACING_HEADERS': True}", "u"),
        ("{'POSTHOG_MW_CAPTURE_TRACING_HEADERS': 'text'}", "42"),
        ("{}", "u"),
    ],
)
def test_whether_headers_are_believed_is_a_setting(run, options, expected):
    (event,) = run("get('/seen', HTTP_X_LOGGED_IN='1', HTTP_X_POSTHOG_DISTINCT_ID='u')", options)
    assert event["distinct_id"] == expected


def test_a_filter_leaves_requests_alone(run):
    events = run(
        "get('/seen', HTTP_X_POSTHOG_DISTINCT_ID='u')\nget('/fails')",
        "{'POSTHOG_MW_REQUEST_FILTER': lambda request: False}",
    )
    (event,) = events
    assert "$context_tags" not in event["properties"]


@pytest.mark.parametrize("names", [("EXTRA_PROPERTIES", "PROPERTIES_MAP"), ("EXTRA_TAGS", "TAG_MAP")])
def test_properties_may_be_added_and_changed(run, names):
    extra, mapped = names
    options = (
        f"{{'POSTHOG_MW_{extra}': lambda request: {{'tenant': request.path[-4:]}},"
        f" 'POSTHOG_MW_{mapped}': lambda properties: {{**properties, '$current_url': 'hidden'}}}}"
    )
    (event,) = run("get('/seen')", options)
    assert event["properties"]["tenant"] == "seen"
    assert event["properties"]["$current_url"] == "hidden"


def test_the_newer_names_win(run):
    older, newer = "lambda _: {'from': 'older'}", "lambda _: {'from': 'newer'}"
    options = f"{{'POSTHOG_MW_EXTRA_TAGS': {older}, 'POSTHOG_MW_EXTRA_PROPERTIES': {newer}}}"
    (event,) = run("get('/seen')", options)
    assert event["properties"]["from"] == "newer"


def test_a_host_that_is_not_allowed_keeps_nobody_from_being_answered(run):
    (event,) = run("assert get('/seen', HTTP_HOST='evil.example').status_code == 200")
    assert "$current_url" not in event["properties"]


@pytest.mark.parametrize("setting", ["REQUEST_FILTER", "EXTRA_PROPERTIES", "PROPERTIES_MAP"])
def test_a_function_of_the_programs_that_fails_does_not_fail_the_request(run, setting):
    options = f"{{'POSTHOG_MW_{setting}': lambda *_: 1 / 0}}"
    events = run("assert get('/seen', HTTP_X_POSTHOG_DISTINCT_ID='u').status_code == 200", options)
    assert [event["event"] for event in events] == ["seen"]


def test_a_client_of_its_own_captures_the_exceptions(run, server):
    options = "{'POSTHOG_MW_CLIENT': __import__('fastbatch.posthog').posthog.Posthog('phc_own', sys.argv[1])}"
    run("get('/fails')\nsettings.POSTHOG_MW_CLIENT.shutdown()", options)
    assert [request.json["api_key"] for request in server.requests] == ["phc_own"]


def test_the_requests_of_an_event_loop_keep_apart(run_program, server):
    body = (
        "client = AsyncClient()\n"
        "async def get(n):\n"
        "    await client.get('/aseen', headers={'x-posthog-distinct-id': f'u{n}'})\n"
        "async def main():\n"
        "    await asyncio.gather(*map(get, range(20)))\n"
        "asyncio.run(main())\n"
    )
    done = run_program(django_program(body), server.url())
    assert done.returncode == 0, done.stderr
    events = [event for request in server.requests for event in request.json["batch"]]
    assert sorted(event["distinct_id"] for event in events) == sorted(f"u{number}" for number in range(20))


@pytest.mark.parametrize(
    ("module", "missing", "words"),
    [
        ("fastbatch.posthog.integrations.django", "django", "pip install django"),
        ("fastbatch.posthog.sentry.posthog_integration", "sentry_sdk", "pip install sentry-sdk"),
        ("fastbatch.posthog.sentry.django", "django", "pip install django sentry-sdk"),
    ],
)
def test_a_missing_package_is_named(run_program, module, missing, words):
    done = run_program(f"import sys\nsys.modules[{missing!r}] = None\nimport {module}")
    assert done.returncode == 1
    assert "ImportError" in done.stderr.splitlines()[-1]
    assert words in done.stderr.splitlines()[-1]


def test_only_the_tests_own_process_knows_of_no_django():
    assert "django" not in sys.modules
