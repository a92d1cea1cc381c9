"""The module-level form, each program in a process of its own: the module is one for a whole process."""

from __future__ import annotations

import json

import pytest

START = """
import sys, json
import fastbatch.posthog as posthog
posthog.host = sys.argv[1]
"""


def events(server):
    return [event for request in server.requests for event in request.json["batch"]]


@pytest.fixture
def run(run_program, server):
    """A function that runs a program, which must end well, and returns what it printed, as JSON."""

    def run_well(text, **environment):
        done = run_program(START + text, server.url(), **environment)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run_well


def test_the_first_call_builds_the_client_from_the_settings(run, server):
    said = run(
        "posthog.api_key = 'phc_module'\n"
        "posthog.super_properties = {'plan': 'pro'}\n"
        "posthog.disable_geoip = False\n"
        "assert posthog.default_client is None\n"
        "print(json.dumps(posthog.capture('paid', distinct_id='u', properties={'a': 1})))\n"
        "assert posthog.default_client is posthog.setup()\n"
    )
    (event,) = events(server)
    assert said == [event["uuid"]]
    assert (event["event"], event["distinct_id"]) == ("paid", "u")
    assert event["properties"]["plan"] == "pro"
    assert "$geoip_disable" not in event["properties"]
    assert server.requests[0].json["api_key"] == "phc_module"


def test_every_call_is_a_function(run, server):
    run(
        "posthog.project_api_key = 'phc'\n"
        "posthog.capture('u', 'older', {'a': 1})\n"
        "posthog.set('u', {'a': 1})\n"
        "posthog.set_once(distinct_id='u', properties={'a': 1})\n"
        "posthog.identify('u', {'a': 1})\n"
        "posthog.alias('old', 'new')\n"
        "posthog.group_identify('company', 'acme', {'n': 1})\n"
        "posthog.page('u', 'https://example.com')\n"
        "posthog.screen('u', 'Home')\n"
        "posthog.capture_exception(ValueError('x'))\n"
        "with posthog.new_context():\n"
        "    posthog.tag('t', 1)\n"
        "    posthog.identify_context('ctx')\n"
        "    posthog.set_context_session('s')\n"
        "    posthog.capture('in context')\n"
        "posthog.flush(timeout_seconds=5)\n"
        "posthog.shutdown()\n"
        "assert posthog.capture('too late', distinct_id='u') is None\n"
        "posthog.join()\n"
        "assert posthog.setup().stats().refused == {'closed': 1}\n"
    )
    names = [event["event"] for event in events(server)]
    assert names == [
        "older",
        "$set",
        "$set_once",
        "$identify",
        "$create_alias",
        "$groupidentify",
        "$pageview",
        "$screen",
        "$exception",
        "in context",
    ]
    assert events(server)[-1]["properties"]["t"] == 1
    assert events(server)[-1]["distinct_id"] == "ctx"


def test_disabled_debug_and_before_send_are_live(run, server):
    run(
        "posthog.api_key = 'phc'\n"
        "posthog.disabled = True\n"
        "assert posthog.capture('no', distinct_id='u') is None\n"
        "posthog.disabled = False\n"
        "assert posthog.capture('yes', distinct_id='u')\n"
        "assert posthog.capture('') is None\n"
        "posthog.debug = True\n"
        "try:\n    posthog.capture('')\nexcept ValueError:\n    pass\nelse:\n    raise SystemExit('it did not raise')\n"
        "posthog.before_send = lambda event: {**event, 'event': 'changed'}\n"
        "posthog.capture('whatever', distinct_id='u')\n"
        "posthog.before_send = None\n"
        "posthog.capture('again', distinct_id='u')\n"
        "posthog.disabled = True\n"
        "posthog.capture('no', distinct_id='u')\n"
    )
    assert [event["event"] for event in events(server)] == ["yes", "changed", "again"]


def test_without_a_key_the_module_does_nothing(run_program, server):
    text = START + (
        "for _ in range(3):\n    assert posthog.capture('e', distinct_id='u') is None\n"
        "assert posthog.feature_enabled('f', 'u') is None\n"
        "assert posthog.evaluate_flags('u').keys == []\n"
    )
    done = run_program(text, server.url())
    assert done.returncode == 0, done.stderr
    assert server.requests == []


def test_a_wrong_setting_is_an_error_at_the_first_call(run_program, server):
    done = run_program(
        START + "posthog.api_key = 'phc'\nposthog.poll_interval = -1\nposthog.capture('e')", server.url()
    )
    assert done.returncode == 1
    assert "ConfigError: Config.poll_interval: -1 is not allowed" in done.stderr


def test_settings_beyond_those_of_the_package_may_be_set(run, server):
    run("posthog.api_key = 'phc'\nposthog.flush_at = 1\nposthog.gzip = False\nposthog.capture('e', distinct_id='u')\n")
    assert "content-encoding" not in server.requests[0].headers


def test_uncaught_exceptions_of_a_module_program_arrive(run_program, server):
    text = START + "posthog.api_key = 'phc'\nposthog.enable_exception_autocapture = True\nposthog.setup()\n1/0"
    assert run_program(text, server.url()).returncode == 1
    assert [event["event"] for event in events(server)] == ["$exception"]


def test_a_context_of_the_module_captures_when_its_setting_says_so(run, server):
    run(
        "posthog.api_key = 'phc'\n"
        "def work(**arguments):\n"
        "    try:\n"
        "        with posthog.new_context(**arguments):\n"
        "            raise ValueError('x')\n"
        "    except ValueError:\n"
        "        pass\n"
        "work()\n"
        "assert posthog.default_client is None, 'nothing was captured, and so nothing was built'\n"
        "work(capture_exceptions=True)\n"
        "posthog.enable_exception_autocapture = True\n"
        "work()\n"
        "assert posthog.setup().stats().accepted == 1\n"
    )
    assert len(events(server)) == 1


def test_importing_it_starts_nothing(run):
    said = run(
        "import threading\n"
        "names = [n for n in ('django', 'sentry_sdk', 'opentelemetry', 'posthog') if n in sys.modules]\n"
        "print(json.dumps([threading.active_count(), names]))\n"
    )
    assert said == [[1, []]]


def test_threads_that_call_first_at_once_build_one_client(run, server):
    run(
        "import threading\n"
        "posthog.api_key = 'phc'\n"
        "barrier = threading.Barrier(8)\n"
        "clients = []\n"
        "def work():\n"
        "    barrier.wait(5)\n"
        "    clients.append(posthog.setup())\n"
        "    posthog.capture('e', distinct_id='u')\n"
        "threads = [threading.Thread(target=work) for _ in range(8)]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
        "assert len(set(map(id, clients))) == 1\n"
    )
    assert len(events(server)) == 8
