"""Definitions on the wire: who asks for them, how often, what unchanged ones cost, and when the thread ends."""

from __future__ import annotations

import gc
import gzip
import json
import logging
import os
import select
import signal
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from fastbatch.errors import ConfigError, FlagsError
from fastbatch.flags.poller import JITTER, Poller
from fastbatch.flags.service import Flags
from fastbatch.transports.http import HttpTransport
from tests.support.faulty_server import Close, Hang, Reply
from tests.support.flag_fixtures import PERSONAL, PROJECT
from tests.support.flag_server import FlagServer, flag, undecidable

SHORT = 0.05
"""Seconds between polls, where a test wants to see several."""
DEADLINE = 10.0


def pollers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "fastbatch-flags"]


def wait_until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.005)


def test_the_request_names_the_project_and_shows_the_personal_key_in_a_header_alone(flag_server, make_flags):
    """As the server wants it; the key that may read everything is in no URL."""
    make_flags().load()
    [request] = flag_server.polls
    assert (request.method, request.path) == ("GET", f"/flags/definitions?token={PROJECT}&send_cohorts")
    assert request.headers["authorization"] == f"Bearer {PERSONAL}"
    assert request.headers["user-agent"].startswith("fastbatch/")
    assert "if-none-match" not in request.headers
    assert request.raw_body == b""


def test_nothing_is_asked_before_the_first_need(flag_server, make_flags):
    """A client that never reads a flag costs no thread and no request."""
    make_flags()
    assert pollers() == []
    assert flag_server.connections == 0


def test_the_first_need_waits_for_the_definitions(flag_server, make_flags):
    """A program's very first flag is decided here already."""
    flag_server.publish(flag("beta"))
    flags = make_flags()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
    assert flags.definitions == flag_server.definitions["flags"]
    assert len(flag_server.polls) == 1


def test_unchanged_definitions_cost_a_304(flag_server, make_flags):
    """The ETag of the last answer goes out, and what it stands for stays in use."""
    flag_server.publish(flag("beta"))
    flags = make_flags(poll_interval=SHORT)
    flags.load()
    polls = flag_server.wait_for_polls(3)
    etags = [request.headers.get("if-none-match") for request in polls]
    assert etags[0] is None
    assert etags[1] == etags[2] != None  # noqa: E711 both at once
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True


def test_changed_definitions_are_used_from_then_on(flag_server, make_flags):
    """Without anybody asking for it."""
    flag_server.publish(flag("beta"))
    flags = make_flags(poll_interval=SHORT)
    assert flags.get_value("beta", "u") is True
    flag_server.publish(flag("beta", active=False))
    wait_until(lambda: flags.get_value("beta", "u") is False)
    assert len({request.headers.get("if-none-match") for request in flag_server.polls}) >= 2


def test_compressed_definitions_are_asked_for_and_read(flag_server, make_flags):
    """A file of megabytes is mostly repetition."""
    body = gzip.compress(json.dumps({"flags": [flag("beta")]}).encode())
    flag_server.on_definitions((Reply(200, body, {"Content-Encoding": "gzip"}),))
    flags = make_flags()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
    assert flag_server.polls[0].headers["accept-encoding"] == "gzip"


def test_waits_between_polls_differ(flag_server, make_flags, monkeypatch):
    """A thousand processes that were started together must not ask together for ever."""
    waits = []
    wait_for = threading.Condition.wait_for

    def noted(self, predicate, timeout=None):
        if threading.current_thread().name == "fastbatch-flags":
            waits.append(timeout)
        return wait_for(self, predicate, timeout)

    monkeypatch.setattr(threading.Condition, "wait_for", noted)
    make_flags(poll_interval=SHORT).load()
    flag_server.wait_for_polls(10)
    assert len(set(waits)) == len(waits) >= 9
    assert all(SHORT * (1 - JITTER) <= wait <= SHORT * (1 + JITTER) for wait in waits)


def test_many_clients_share_one_poller(flag_server, make_flags):
    """Counted at the server: ten clients ask as often as one."""
    flag_server.publish(flag("beta"))
    several = [make_flags(poll_interval=SHORT) for _ in range(10)]
    assert all(each.get_value("beta", "u") is True for each in several)
    assert len(pollers()) == 1
    flag_server.wait_for_polls(3)
    assert len({request.connection for request in flag_server.polls}) == 1
    for each in several[1:]:
        each.close()
    before = len(flag_server.polls)
    flag_server.wait_for_polls(before + 2)
    several[0].close()
    wait_until(lambda: not pollers())


def test_clients_that_differ_in_what_they_read_share_nothing(flag_server, make_flags):
    """Another project, key, interval, or way to the server."""
    for settings in (
        {},
        {"project_api_key": "phc_other"},
        {"personal_api_key": "phx_other"},
        {"poll_interval": 1800.0},
        {"transport": HttpTransport(proxy="http://127.0.0.1:9")},
    ):
        personal = settings.pop("personal_api_key", PERSONAL)
        make_flags(personal, **settings).get_value("beta", "u", only_evaluate_locally=True)
    assert len(pollers()) == 5


def test_closing_ends_the_thread_at_once(flag_server, make_flags):
    """However long the interval is; and closing twice does no harm."""
    flags = make_flags(poll_interval=3600.0)
    flags.load()
    [thread] = pollers()
    began = time.monotonic()
    flags.close()
    flags.close()
    thread.join(1.0)
    assert not thread.is_alive()
    assert time.monotonic() - began < 1.0


def test_closing_does_not_wait_for_a_request_under_way(flag_server, make_flags):
    """The server hangs; the program ends all the same."""
    flag_server.on_definitions((Hang(),))
    flags = make_flags(request_timeout=0.1)
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is None
    began = time.monotonic()
    flags.close()
    assert time.monotonic() - began < 1.0


def test_what_was_loaded_is_still_there_after_closing(flag_server, make_flags):
    """A request that is being served while the program shuts down gets the answer that it would have got."""
    flag_server.publish(flag("beta"))
    flags = make_flags()
    flags.load()
    flags.close()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True


def test_a_forgotten_client_ends_the_thread(flag_server):
    """Nothing pins it."""
    flags = Flags(
        PROJECT,
        flag_server.url(),
        PERSONAL,
        HttpTransport(),
        logger=logging.getLogger("fastbatch"),
        on_called=lambda call: None,
    )
    flags.load()
    [thread] = pollers()
    gone = weakref.ref(flags)
    del flags
    gc.collect()
    assert gone() is None
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_loading_by_hand_brings_what_is_there_now(flag_server, make_flags):
    """A test suite, or an operator, does not want to wait for the next poll."""
    flags = make_flags(poll_interval=3600.0)
    flags.load()
    assert flags.definitions == []
    flag_server.publish(flag("beta"))
    flags.load()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
    assert len(flag_server.polls) == 2


def test_without_polling_definitions_come_by_hand_alone(flag_server, make_flags):
    """With a personal key that is there for remote config, a program may want the server to decide."""
    flag_server.publish(flag("beta"))
    flags = make_flags(enable_local_evaluation=False, poll_interval=SHORT)
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is None
    assert flag_server.polls == []
    flags.load()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
    flags.load()
    assert len(flag_server.polls) == 2


def test_without_a_personal_key_nothing_is_loaded(flag_server, make_flags, caplog):
    """And whoever loads by hand is told so."""
    flags = make_flags(None)
    flags.load()
    assert flags.definitions is None
    assert (flag_server.polls, pollers()) == ([], [])
    assert "personal_api_key" in caplog.text


# Answers that are no definitions.


def test_401_ends_deciding_here_until_the_key_is_accepted_again(flag_server, make_flags, caplog):
    """The definitions may be another's by now; with the key the flags come back."""
    flag_server.publish(flag("beta"))
    flags = make_flags()
    flags.load()
    refusal = b'{"detail": "Invalid key phx_personal."}'
    flag_server.on_definitions((Reply(401, refusal),), (Reply(401, refusal),))
    flags.load()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is None
    assert flags.definitions == []
    flags.load()
    told = [line for line in caplog.messages if "401" in line]
    assert len([line for line in told if "not accepted" in line]) == 1
    assert PERSONAL not in caplog.text
    flags.load()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
    assert "if-none-match" not in flag_server.polls[-1].headers


def test_402_ends_deciding_here(flag_server, make_flags, caplog):
    """The quota is used up, and the server says so."""
    flag_server.publish(flag("beta"))
    flags = make_flags()
    flags.load()
    flag_server.on_definitions((Reply(402),))
    flags.load()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is None
    assert "quota" in caplog.text


KEPT = {
    "403": (Reply(403),),
    "404": (Reply(404),),
    "429": (Reply(429),),
    "500": (Reply(500),),
    "503": (Reply(503),),
    "a redirect": (Reply(302, headers={"Location": "/elsewhere"}),),
    "204": (Reply(204, b""),),
    "not JSON": (Reply(200, b"<html>"),),
    "half of it": (Reply(200, b'{"flags": [', content_length=100), Close()),
    "no object": (Reply(200, b"[]"),),
    "no list of flags": (Reply(200, b'{"flags": {}}'),),
    "nothing": (Reply(200, b""),),
    "a bomb": (Reply(200, gzip.compress(b"[" * 70_000_000), {"Content-Encoding": "gzip"}),),
    "no gzip": (Reply(200, b"flags", {"Content-Encoding": "gzip"}),),
}


@pytest.mark.parametrize("case", KEPT)
def test_after_any_other_answer_the_old_definitions_stay_and_it_is_said_once(flag_server, make_flags, caplog, case):
    """A server that has a bad day must not switch off anybody's features."""
    flag_server.publish(flag("beta"))
    flags = make_flags()
    flags.load()
    flag_server.on_definitions(KEPT[case], KEPT[case])
    flags.load()
    flags.load()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
    assert len([line for line in caplog.messages if "cannot be fetched" in line]) == 1
    caplog.set_level(logging.INFO)
    flags.load()
    assert [line for line in caplog.messages if "fetched again" in line] != []
    assert PERSONAL not in caplog.text


def test_with_debug_loading_by_hand_raises(flag_server, make_flags):
    """For whoever sets a program up."""
    flag_server.on_definitions((Reply(401),))
    with pytest.raises(FlagsError) as caught:
        make_flags(debug=True).load()
    assert (caught.value.status, caught.value.word) == (401, "api_error_401")


def test_what_cannot_be_understood_in_definitions_is_told_once(flag_server, make_flags, caplog):
    """By name of the flag; those beside it work."""
    broken = flag("broken", filters={"groups": [{"properties": [{"key": "a", "operator": "?", "value": 1}]}]})
    flag_server.publish(broken, flag("beta"))
    flags = make_flags()
    flags.load()
    flag_server.publish(broken, flag("beta"), flag("more"))
    flags.load()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
    assert len([line for line in caplog.messages if "broken" in line]) == 1


def test_definitions_of_five_megabytes_load_in_time(flag_server, make_flags):
    """Ten thousand flags, such as large projects have."""
    many = [undecidable(f"flag-{number}", name="x" * 300) for number in range(10_000)]
    flag_server.publish(*many, flag("beta"))
    assert len(json.dumps(flag_server.definitions)) > 5_000_000
    flags = make_flags()
    flags.load()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
    assert flags.get_value("flag-9999", "u", person_properties={"plan": "pro"}, only_evaluate_locally=True) is True


def test_a_slow_server_holds_up_the_first_need_no_longer_than_the_limit(flag_server, make_flags):
    """And only those that come within it: nobody pays for it again and again."""
    flag_server.on_definitions((Hang(),))
    flags = make_flags(request_timeout=0.3)
    began = time.monotonic()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is None
    first = time.monotonic() - began
    for _ in range(100):
        flags.get_value("beta", "u", only_evaluate_locally=True)
    assert 0.25 < first < 2.0
    assert time.monotonic() - began < first + 0.5


def test_a_server_that_is_down_is_asked_again_by_the_poller_and_not_by_the_callers(make_flags):
    """A flag costs a program nothing while the definitions cannot be had; afterwards it is there."""
    with FlagServer() as gone:
        port = gone.port
    flags = make_flags(endpoint=f"http://127.0.0.1:{port}", poll_interval=SHORT)
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is None
    with FlagServer(port=port) as back:
        back.publish(flag("beta"))
        wait_until(lambda: flags.get_value("beta", "u", only_evaluate_locally=True))


def test_where_no_thread_can_be_started_the_caller_fetches_once(flag_server, make_flags, monkeypatch):
    """At the limit of threads, or when the interpreter is about to exit."""
    flag_server.publish(flag("beta"))

    start = threading.Thread.start

    def refuse(self):
        if self.name == "fastbatch-flags":
            raise RuntimeError("can't start new thread")
        start(self)

    flags = make_flags()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
        assert flags.get_value("beta", "u", only_evaluate_locally=True) is True
    assert [len(flag_server.polls), pollers()] == [1, []]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"poll_interval": 0}, "poll_interval"),
        ({"poll_interval": "30"}, "poll_interval"),
        ({"request_timeout": float("nan")}, "request_timeout"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": True}, "max_retries"),
        ({"personal_api_key": "phx\n"}, "personal_api_key"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(make_flags, settings, name):
    """At once, and without a key in the text."""
    with pytest.raises(ConfigError, match=name) as caught:
        make_flags(**settings)
    assert "phx" not in str(caught.value)


# Forks.


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_polls_on_its_own(flag_server, make_flags):
    """It decides with what the parent had, and hears of changes; the parent goes on as before."""
    flag_server.publish(flag("beta"))
    flags = make_flags(poll_interval=SHORT)
    assert flags.get_value("beta", "u") is True
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.write(writing, b"1" if flags.get_value("beta", "u", only_evaluate_locally=True) is True else b"0")
            wait_until(lambda: flags.get_value("beta", "u", only_evaluate_locally=True) is False)
            os.write(writing, b"2")
            flags.close()
            wait_until(lambda: not pollers())
            os.write(writing, b"3")
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    try:
        assert os.read(reading, 1) == b"1"
        wait_until(lambda: len({request.connection for request in flag_server.polls}) > 1)
        flag_server.publish(flag("beta", active=False))
        said = b""
        while select.select([reading], [], [], DEADLINE)[0] and (more := os.read(reading, 1)):
            said += more
        assert said == b"23"
    finally:
        os.close(reading)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    wait_until(lambda: flags.get_value("beta", "u", only_evaluate_locally=True) is False)
    assert len(pollers()) == 1


# Threads.


def test_every_answer_belongs_to_one_version_while_definitions_are_replaced(flag_server, make_flags):
    """A flag and the one that it depends on, evaluated by eight threads, never disagree."""
    versions = [
        [flag("base", rollout=share), flag("value", filters={"multivariate": variants(name), "payloads": {name: name}})]
        for share, name in ((100, '"on"'), (0, '"off"'))
    ]
    flag_server.publish(*versions[0])
    flags = make_flags(poll_interval=0.01)
    flags.load()
    is_over = threading.Event()
    wrong: list[Any] = []
    seen: set[Any] = set()

    def evaluate(number: int) -> None:
        while not is_over.is_set():
            both = flags.get_all(f"u{number}", only_evaluate_locally=True)
            pair = both.values["base"], both.values["value"], both.payloads.get("value")
            seen.add(pair)
            if pair not in ((True, '"on"', '"on"'), (False, '"off"', '"off"')):
                wrong.append(pair)

    threads = [threading.Thread(target=evaluate, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for turn in range(10):
        before = len(flag_server.polls)
        flag_server.publish(*versions[turn % 2])
        flag_server.wait_for_polls(before + 2)
    is_over.set()
    for thread in threads:
        thread.join(DEADLINE)
    assert wrong == []
    assert len(seen) == 2


def variants(name: str) -> dict[str, Any]:
    return {"variants": [{"key": name, "name": name, "rollout_percentage": 100}]}


def test_definitions_that_come_while_others_are_taken_over_stay(flag_server, make_flags, monkeypatch):
    """They would come no second time: the next answers are 304."""
    flag_server.publish(flag("beta"))
    flags = make_flags()
    flags.load()
    poller = flags._poller
    assert poller is not None
    has_come = threading.Event()
    threads = []

    def publish() -> None:
        poller._publish({"flags": [flag("beta", active=False)]})
        has_come.set()

    class Slow(Poller):
        """Whose definitions are replaced at the moment at which they are looked at."""

        @property
        def _known(self) -> Any:
            known = self.__dict__["_known"]
            if threading.current_thread() is threading.main_thread() and not threads:
                threads.append(threading.Thread(target=publish))
                threads[0].start()
                has_come.wait(0.3)  # unless it has to wait itself, which is the point
            return known

        @_known.setter
        def _known(self, definitions: Any) -> None:
            self.__dict__["_known"] = definitions

    monkeypatch.setattr(poller, "__class__", Slow)
    flags.load()
    threads[0].join(DEADLINE)
    assert has_come.is_set()
    assert flags.get_value("beta", "u", only_evaluate_locally=True) is False
