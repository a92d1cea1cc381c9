"""Exceptions that nobody catches: their events arrive, and the program ends as it would have ended."""

from __future__ import annotations

import sys
import threading

import pytest

from fastbatch.posthog.exceptions.hooks import Hooks
from fastbatch.posthog.exceptions.limiter import MOST_KEYS, Limiter

START = """
import sys, threading, os
from fastbatch.posthog import Posthog
posthog = Posthog("phc_test", sys.argv[1], enable_exception_autocapture=True, flush_interval=3600)
def fail(error):
    raise error
"""


def exceptions(server):
    events = [event for request in server.requests for event in request.json["batch"]]
    return [event["properties"] for event in events if event["event"] == "$exception"]


def test_an_exception_that_ends_the_program_arrives(run_on_backend, server):
    done = run_on_backend(START + "fail(ValueError('on purpose'))", server.url())
    assert done.returncode == 1
    assert done.stderr.count("Traceback") == 1
    assert done.stderr.rstrip().endswith("ValueError: on purpose")
    (properties,) = exceptions(server)
    assert (properties["$exception_level"], properties["$exception_source"]) == ("fatal", "python.sys_excepthook")
    (entry,) = properties["$exception_list"]
    assert entry["mechanism"]["type"] == "onuncaughtexception"
    assert entry["mechanism"]["handled"] is False
    assert [frame["function"] for frame in entry["stacktrace"]["frames"]] == ["<module>", "fail"]
    assert properties["$process_person_profile"] is False


def test_it_arrives_even_when_the_hook_before_ends_the_process(run_program, server):
    """A hook that calls os._exit leaves no time afterwards; the event is flushed before."""
    text = "import sys, os\nsys.excepthook = lambda *_: os._exit(7)\n" + START + "fail(ValueError('x'))"
    done = run_program(text, server.url())
    assert done.returncode == 7
    assert len(exceptions(server)) == 1


def test_an_exception_that_ends_a_thread_arrives(run_on_backend, server):
    text = START + (
        "thread = threading.Thread(target=fail, args=[KeyError('k')], name='worker')\n"
        "thread.start(); thread.join(); print('goes on')"
    )
    done = run_on_backend(text, server.url())
    assert (done.returncode, done.stdout) == (0, "goes on\n")
    assert "Exception in thread worker" in done.stderr
    (properties,) = exceptions(server)
    assert (properties["$exception_level"], properties["$exception_source"]) == (
        "error",
        "python.threading_excepthook",
    )
    assert properties["$exception_list"][0]["type"] == "KeyError"


def test_the_hooks_before_are_called(run_program, server):
    text = (
        "import sys, threading\n"
        "sys.excepthook = lambda kind, *_: print('main', kind.__name__)\n"
        "threading.excepthook = lambda args: print('thread', args.exc_type.__name__)\n"
        + START
        + "thread = threading.Thread(target=fail, args=[KeyError('k')])\n"
        "thread.start(); thread.join()\n"
        "fail(ValueError('x'))"
    )
    done = run_program(text, server.url())
    assert done.stdout.split("\n")[:2] == ["thread KeyError", "main ValueError"]
    assert len(exceptions(server)) == 2


def test_one_that_was_captured_by_hand_is_not_captured_again(run_program, server):
    text = START + (
        "try:\n    fail(ValueError('x'))\nexcept ValueError as error:\n    posthog.capture_exception(error)\n    raise"
    )
    assert run_program(text, server.url()).returncode == 1
    (properties,) = exceptions(server)
    assert properties["$exception_level"] == "error"


def test_a_context_is_part_of_it(run_program, server):
    text = START + (
        "with posthog.new_context():\n"
        "    posthog.tag('job', 7)\n    posthog.identify_context('u')\n    fail(ValueError('x'))"
    )
    run_program(text, server.url())
    (properties,) = exceptions(server)
    assert properties["job"] == 7


def test_a_server_that_is_gone_delays_the_end_by_little(run_program):
    done = run_program(START.replace("3600", "3600, close_timeout=0.5") + "fail(ValueError('x'))", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "ValueError: x" in done.stderr


def test_shutting_down_puts_the_hooks_back(make_posthog):
    before = sys.excepthook, threading.excepthook
    first = make_posthog(enable_exception_autocapture=True)
    second = make_posthog(enable_exception_autocapture=True)
    assert isinstance(sys.excepthook.__self__, Hooks)
    first.shutdown()
    assert isinstance(sys.excepthook.__self__, Hooks), "the second's stay"
    second.shutdown()
    assert (sys.excepthook, threading.excepthook) == before


def test_hooks_of_others_on_top_are_left_alone(make_posthog, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "excepthook", lambda *arguments: seen.append(arguments))
    posthog = make_posthog(enable_exception_autocapture=True)
    ours = sys.excepthook

    def theirs(*arguments):
        ours(*arguments)

    sys.excepthook = theirs
    posthog.shutdown()
    assert sys.excepthook is theirs
    error = ValueError("x")
    sys.excepthook(ValueError, error, None)
    assert seen == [(ValueError, error, None)]
    assert posthog.stats().accepted == 0


def test_rate_limiting_keeps_a_crash_in_a_loop_small(make_posthog, sent, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    posthog = make_posthog(
        enable_exception_autocapture=True,
        enable_exception_autocapture_rate_limiting=True,
        exception_autocapture_bucket_size=5,
        exception_autocapture_refill_rate=1,
        exception_autocapture_refill_interval_seconds=3600,
    )
    for kind in (ValueError, KeyError):
        for _ in range(20):
            error = kind("x")
            sys.excepthook(kind, error, None)
    events = sent(posthog)
    kinds = [event["properties"]["$exception_list"][0]["type"] for event in events]
    assert kinds == ["ValueError"] * 4 + ["KeyError"] * 4


def test_the_limiter_gives_tokens_back_for_whole_intervals():
    now = [100.0]
    limiter = Limiter(3, 1, 10.0, clock=lambda: now[0])
    assert [limiter.allows("a") for _ in range(4)] == [True, True, False, False]
    now[0] += 9.9
    assert limiter.allows("a") is False
    now[0] += 0.1
    assert [limiter.allows("a") for _ in range(2)] == [False, False], "the last token is limited already"
    now[0] += 25.0
    assert [limiter.allows("a") for _ in range(2)] == [True, False]
    now[0] += 5.0
    assert limiter.allows("b") is True
    assert [limiter.allows("a") for _ in range(2)] == [False, False]


def test_the_limiter_agrees_with_the_posthog_package():
    from posthog.bucketed_rate_limiter import BucketedRateLimiter

    now = [0.0]
    for size, refill, interval in ((5, 2, 3.0), (1, 1, 1.0), (0, 0, 1.0), (4, 9, 2.0), (3, 1, 0.0)):
        ours = Limiter(size, refill, interval, clock=lambda: now[0])
        theirs = BucketedRateLimiter(size, refill, interval, clock=lambda: now[0])
        for step in range(200):
            now[0] += (step * 7 % 11) / 10
            assert ours.allows("k") is not theirs.consume_rate_limit("k")


def test_the_limiter_forgets_rather_than_grow():
    limiter = Limiter(2, 1, 3600)
    for number in range(MOST_KEYS * 2):
        assert limiter.allows(str(number))
    assert len(limiter._buckets) == MOST_KEYS


@pytest.mark.parametrize("kind", [KeyboardInterrupt])
def test_ctrl_c_is_an_end_like_another(run_program, server, kind):
    done = run_program(START + f"fail({kind.__name__}())", server.url())
    assert done.returncode != 0
    assert exceptions(server)[0]["$exception_list"][0]["type"] == kind.__name__
