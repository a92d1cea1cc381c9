"""Forks, clients that are forgotten, the ends of programs, and the ids that all of them make."""

from __future__ import annotations

import gc
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from fastbatch.posthog import Posthog
from fastbatch.posthog.ids import new_uuid, valid_uuid
from tests.support.in_child import in_child


def events(server):
    return [event for request in server.requests for event in request.json["batch"]]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_begins_empty_and_works(make_posthog, server, sent):
    posthog = make_posthog()
    posthog.capture("parent's", distinct_id="u")

    def work():
        posthog.capture("child's", distinct_id="u")
        result = posthog.flush(5.0)
        return [result.delivered, posthog.stats().accepted]

    assert in_child(work) == [1, 1]
    assert [event["event"] for event in events(server)] == ["child's"]
    assert [event["event"] for event in sent(posthog)] == ["child's", "parent's"]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_makes_ids_of_its_own():
    """At once after the fork, in the same millisecond."""
    new_uuid()
    of_child = in_child(lambda: [new_uuid() for _ in range(1000)])
    assert {new_uuid() for _ in range(1000)}.isdisjoint(of_child)


def test_ids_are_of_version_7_unique_and_of_this_moment():
    ids = [new_uuid() for _ in range(50_000)]
    assert len(set(ids)) == len(ids)
    for text in ids[::1000]:
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, text)
    milliseconds = [uuid.UUID(text).int >> 80 for text in ids]
    assert milliseconds == sorted(milliseconds)
    assert milliseconds[-1] - milliseconds[0] < 60_000


def test_ids_of_many_threads_are_unique():
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: [new_uuid() for _ in range(5000)], range(8)))
    assert len({text for each in made for text in each}) == 40_000


@pytest.mark.parametrize("given", [None, 7, "", "x", b"y", object()])
def test_what_is_no_uuid_is_none(given):
    assert valid_uuid(given) is None


def test_a_client_that_is_forgotten_still_delivers(backend, server):
    posthog = Posthog("phc", server.url(), interval=3600)
    posthog.capture("e", distinct_id="u")
    del posthog
    gc.collect()
    server.wait_for(1)
    assert [event["event"] for event in events(server)] == ["e"]


@pytest.mark.parametrize(
    "end",
    [
        "",
        "sys.exit(3)",
        "raise KeyError('k')",
        "posthog.shutdown()",
        "del posthog",
        "posthog.flush(timeout_seconds=None)",
    ],
)
def test_the_end_of_a_program_loses_nothing(run_on_backend, server, end):
    text = (
        "import sys\nfrom fastbatch.posthog import Posthog\n"
        "posthog = Posthog('phc', sys.argv[1], flush_interval=3600, poll_interval=3600)\n"
        "for n in range(250):\n    posthog.capture('e', distinct_id='u', properties={'n': n})\n"
    )
    run_on_backend(text + end, server.url())
    assert sorted(event["properties"]["n"] for event in events(server)) == list(range(250))


def test_it_is_a_context_manager(make_posthog, server):
    with make_posthog() as posthog:
        posthog.capture("e", distinct_id="u")
    assert len(events(server)) == 1
    assert posthog.capture("late", distinct_id="u") is None


def test_flush_with_a_wrong_timeout_is_no_end_of_the_program(make_posthog):
    quiet, loud = make_posthog(), make_posthog(debug=True)
    assert quiet.flush("soon") is None
    with pytest.raises(ValueError, match="timeout"):
        loud.flush("soon")


def test_how_it_shows_itself_has_no_key(make_posthog, server):
    posthog = make_posthog("phc_public", secret_key="phs_hidden", enable_local_evaluation=False)
    assert "phc_public" not in repr(posthog)
    assert "phs_hidden" not in repr(posthog)
    assert server.url() in repr(posthog)
    posthog.disabled = True
    assert "disabled" in repr(posthog)


def test_a_destructor_or_a_value_that_calls_back_does_no_harm(make_posthog, sent):
    class Calls:
        def tolist(self):
            posthog.capture("from within", distinct_id="u")
            return [1]

    posthog = make_posthog()
    posthog.capture("outer", distinct_id="u", properties={"value": Calls()})
    assert sorted(event["event"] for event in sent(posthog)) == ["from within", "outer"]


def test_a_thousand_threads_of_events_are_all_there(make_posthog, sent):
    posthog = make_posthog()

    def work(number):
        for each in range(50):
            posthog.capture("e", distinct_id=f"u{number}", properties={"n": each})

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(40)))
    got = sent(posthog)
    assert len(got) == len({event["uuid"] for event in got}) == 2000
