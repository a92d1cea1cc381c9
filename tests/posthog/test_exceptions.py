"""`capture_exception`: the list of what led to an exception, its frames, and what it must never do."""

from __future__ import annotations

import builtins
import dataclasses
import json
import logging
import os
import sys
import weakref

import pytest
from packaging.version import InvalidVersion, Version

from fastbatch.posthog.exceptions.entries import MOST_ENTRIES, MOST_TEXT_BYTES
from fastbatch.posthog.exceptions.frames import MOST_FRAMES, cut
from fastbatch.posthog.exceptions.marks import is_captured

ExceptionGroup: type = getattr(builtins, "ExceptionGroup", None)  # from 3.11
HERE = os.path.abspath(__file__)
FOLDER = os.path.dirname(HERE)


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """Return the exception after it was raised and caught."""
    try:
        if cause is not None:
            raise error from cause
        raise error
    except BaseException as caught:  # noqa: BLE001
        return caught


@pytest.fixture
def captured(posthog, sent):
    """A function that captures an exception and returns the properties of its event."""

    def capture(error=None, **arguments):
        assert posthog.capture_exception(error, **arguments) is not None
        return sent(posthog)[-1]["properties"]

    return capture


def test_an_exception_is_described(captured):
    properties = captured(raised(ValueError("on purpose")), distinct_id="u", properties={"a": 1})
    (entry,) = properties["$exception_list"]
    assert properties["$exception_level"] == "error"
    assert properties["a"] == 1
    assert (entry["type"], entry["value"], entry["module"]) == ("ValueError", "on purpose", None)
    assert entry["mechanism"] == {"type": "generic", "handled": True, "synthetic": False, "exception_id": 0}
    assert entry["stacktrace"]["type"] == "raw"
    (frame,) = entry["stacktrace"]["frames"]
    assert frame["abs_path"] == HERE
    assert frame["filename"].endswith("test_exceptions.py")
    assert (frame["function"], frame["platform"], frame["module"]) == ("raised", "python", __name__)
    assert frame["context_line"] == "        raise error"
    assert len(frame["pre_context"]) == 5
    assert frame["pre_context"][-1] == "            raise error from cause"
    assert frame["post_context"][0].startswith("    except BaseException")
    assert "code_variables" not in frame


def test_the_exception_that_is_being_handled_is_the_default(captured):
    try:
        raise KeyError("k")
    except KeyError:
        (entry,) = captured()["$exception_list"]
    assert (entry["type"], entry["value"]) == ("KeyError", "'k'")


def test_the_triple_of_the_interpreter_is_taken(captured):
    try:
        raise KeyError("k")
    except KeyError:
        triple = sys.exc_info()
    assert captured(triple)["$exception_list"][0]["type"] == "KeyError"


def test_causes_and_contexts_follow_the_exception(captured):
    cause = raised(KeyError("cause"))
    try:
        try:
            raise ValueError("middle") from cause
        except ValueError:
            raise RuntimeError("outer")  # noqa: B904 - its context is what is tested
    except RuntimeError:
        entries = captured()["$exception_list"]
    assert [entry["type"] for entry in entries] == ["RuntimeError", "ValueError", "KeyError"]
    linked = [
        {name: entry["mechanism"].get(name) for name in ("type", "source", "parent_id", "exception_id")}
        for entry in entries[1:]
    ]
    assert linked == [
        {"type": "chained", "source": "context", "parent_id": 0, "exception_id": 1},
        {"type": "chained", "source": "cause", "parent_id": 1, "exception_id": 2},
    ]
    assert all(entry["stacktrace"]["frames"] for entry in entries)


def test_a_context_that_is_suppressed_is_left_out(captured):
    try:
        try:
            raise KeyError("hidden")
        except KeyError:
            raise ValueError("shown") from None
    except ValueError:
        entries = captured()["$exception_list"]
    assert [entry["type"] for entry in entries] == ["ValueError"]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with 3.11")
def test_members_of_a_group_follow_it_depth_first(captured):
    inner = ExceptionGroup("inner", [raised(KeyError("k")), OSError(2, "no such file")])
    group = raised(ExceptionGroup("outer", [raised(inner), TypeError("t")]), raised(ValueError("cause")))
    entries = captured(group)["$exception_list"]
    assert [(entry["type"], entry["mechanism"].get("source")) for entry in entries] == [
        ("ExceptionGroup", None),
        ("ValueError", "cause"),
        ("ExceptionGroup", "member"),
        ("KeyError", "member"),
        ("FileNotFoundError", "member"),
        ("TypeError", "member"),
    ]
    assert [entry["mechanism"].get("parent_id") for entry in entries] == [None, 0, 0, 2, 2, 0]
    assert [bool(entry["mechanism"].get("is_exception_group")) for entry in entries[:3]] == [True, False, True]
    assert entries[4]["mechanism"]["meta"] == {"errno": {"number": 2}}


def test_a_circle_of_causes_ends(captured):
    first, second = ValueError("first"), KeyError("second")
    first.__cause__, second.__cause__ = second, first
    assert [entry["type"] for entry in captured(first)["$exception_list"]] == ["ValueError", "KeyError"]


def test_a_long_chain_is_cut_and_does_not_exhaust_the_stack(captured):
    error: BaseException = ValueError("0")
    for number in range(5000):
        later = ValueError(str(number))
        later.__cause__ = error
        error = later
    assert len(captured(error)["$exception_list"]) == MOST_ENTRIES


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with 3.11")
def test_a_wide_group_is_cut(captured):
    group = ExceptionGroup("wide", [ValueError(str(number)) for number in range(20_000)])
    assert len(captured(group)["$exception_list"]) == MOST_ENTRIES


def test_a_deep_recursion_still_fits_into_an_event(captured):
    def fall(depth):
        return fall(depth + 1)

    with pytest.raises(RecursionError) as caught:
        fall(0)
    (entry,) = captured(caught.value)["$exception_list"]
    frames = entry["stacktrace"]["frames"]
    assert len(frames) == MOST_FRAMES
    assert frames[-1]["function"] == "fall"
    assert frames[0]["function"] == "test_a_deep_recursion_still_fits_into_an_event"


def test_a_huge_text_is_cut(captured):
    (entry,) = captured(ValueError("é" * 1_000_000))["$exception_list"]
    assert len(entry["value"].encode()) <= MOST_TEXT_BYTES
    assert entry["value"].endswith("é...")


@pytest.mark.parametrize("text", ["", "short", "x" * 1024, "é" * 512])
def test_what_fits_is_not_cut(text):
    assert cut(text, 1024) == text


@pytest.mark.parametrize("text", ["x" * 1025, "é" * 513, "😀" * 400, "\ud800" * 2000])
def test_what_is_cut_fits(text):
    assert len(cut(text, 1024).encode()) <= 1024


def test_an_exception_that_was_never_raised_has_the_callers_stack(captured):
    def caller():
        return captured(ValueError("not raised"))

    (entry,) = caller()["$exception_list"]
    assert entry["mechanism"]["synthetic"] is True
    functions = [frame["function"] for frame in entry["stacktrace"]["frames"]]
    assert functions[-2:] == ["caller", "capture"], "the frames of fastbatch itself are left out"


def test_the_callers_exception_is_not_changed_but_for_its_marks(captured):
    error = ValueError("not raised")
    captured(error)
    assert error.__traceback__ is None
    assert set(vars(error)) == {"__posthog_exception_captured", "__posthog_exception_uuid"}


def test_an_exception_is_one_event(posthog, sent):
    error = raised(ValueError("x"))
    first = posthog.capture_exception(error)
    assert posthog.capture_exception(error) is None
    assert posthog.capture_exception((type(error), error, error.__traceback__)) is None
    assert error.__posthog_exception_uuid == first
    assert len(sent(posthog)) == 1


def test_one_that_was_refused_may_be_captured_again(make_posthog, sent):
    error = raised(ValueError("x"))
    assert make_posthog(disabled=True).capture_exception(error) is None
    assert not is_captured(error)
    posthog = make_posthog()
    assert posthog.capture_exception(error) is not None
    assert len(sent(posthog)) == 1


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    secret: str = "x"


class BrokenError(Exception):
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__

    def __getattr__(self, name):
        raise RuntimeError("no attributes")


class DetailError(Exception):
    detail = "what a web framework says"


@pytest.mark.parametrize(
    ("kind", "text"),
    [(FrozenError, "s"), (BrokenError, "<broken repr>"), (DetailError, "what a web framework says")],
)
def test_odd_exceptions(posthog, sent, kind, text):
    error = kind("s")
    assert posthog.capture_exception(raised(error)) is not None
    assert posthog.capture_exception(error) is None, "even these are marked"
    (event,) = sent(posthog)
    assert event["properties"]["$exception_list"][0]["value"].lstrip("('").rstrip("',)") == text


def test_what_is_no_exception_never_reaches_the_program(make_posthog, caplog):
    """Not even with debug: another exception may be on its way."""
    for posthog in (make_posthog(), make_posthog(debug=True)):
        with caplog.at_level(logging.ERROR, "fastbatch"):
            assert posthog.capture_exception("no exception") is None
            assert posthog.capture_exception((1, 2, 3)) is None
        assert posthog.capture_exception((None, None, None)) is None
        assert posthog.capture_exception() is None
    assert caplog.records


def test_it_is_nobodys_unless_somebody_is_named(posthog, sent):
    posthog.capture_exception(ValueError("1"))
    posthog.capture_exception(ValueError("2"), "u", {"a": 1}, None, None, None, {"company": "acme"})
    with posthog.new_context():
        posthog.identify_context("ctx")
        posthog.tag("t", 1)
        posthog.capture_exception(ValueError("3"))
    nobody, named, of_context = sent(posthog)
    assert nobody["properties"]["$process_person_profile"] is False
    assert named["distinct_id"] == "u"
    assert named["properties"]["$groups"] == {"company": "acme"}
    assert of_context["distinct_id"] == "ctx"
    assert of_context["properties"]["t"] == 1


def test_given_properties_win(captured):
    properties = captured(ValueError("x"), properties={"$exception_level": "warning"})
    assert properties["$exception_level"] == "warning"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"project_root": FOLDER}, True),
        ({"project_root": "/nowhere"}, None),
        ({"project_root": "/nowhere", "in_app_modules": [__name__]}, True),
        ({"project_root": "/nowhere", "in_app_modules": [__name__.partition(".")[0]]}, True),
        ({"project_root": "/nowhere", "in_app_modules": [__name__[:-1]]}, None),
    ],
)
def test_own_frames_are_marked(make_posthog, sent, settings, expected):
    posthog = make_posthog(**settings)
    posthog.capture_exception(raised(ValueError("x")))
    (frame,) = sent(posthog)[0]["properties"]["$exception_list"][0]["stacktrace"]["frames"]
    assert frame.get("in_app") is expected


def test_installed_packages_are_not_own(make_posthog, sent):
    posthog = make_posthog(project_root="/")
    with pytest.raises(InvalidVersion) as caught:
        Version("none")
    posthog.capture_exception(caught.value)
    own, installed, *_ = sent(posthog)[0]["properties"]["$exception_list"][0]["stacktrace"]["frames"]
    assert own["in_app"] is True
    assert installed["in_app"] is False
    assert not os.path.isabs(installed["filename"])


def test_frames_that_ask_to_be_hidden_are(captured):
    def hidden():
        __tracebackhide__ = True
        raise ValueError("x")

    with pytest.raises(ValueError, match="x") as caught:
        hidden()
    functions = [f["function"] for f in captured(caught.value)["$exception_list"][0]["stacktrace"]["frames"]]
    assert "hidden" not in functions


def test_code_without_a_file_has_no_lines(captured):
    space: dict = {}
    exec("def work():\n    raise ValueError('x')\n", space)
    with pytest.raises(ValueError, match="x") as caught:
        space["work"]()
    frame = captured(caught.value)["$exception_list"][0]["stacktrace"]["frames"][-1]
    assert (frame["pre_context"], frame["context_line"], frame["post_context"]) == ([], None, [])
    assert frame["lineno"] == 2


def test_captured_exceptions_are_logged_when_asked(make_posthog, caplog):
    posthog = make_posthog(log_captured_exceptions=True)
    with caplog.at_level(logging.ERROR, "fastbatch"):
        posthog.capture_exception(raised(ValueError("on purpose")))
    assert caplog.records[0].exc_info[0] is ValueError


@pytest.mark.parametrize("disabled", [False, True])
def test_a_log_that_captures_what_it_hears_of_hears_of_it_once(make_posthog, sent, disabled):
    class Captures(logging.Handler):
        def emit(self, record):
            heard.append(record)
            posthog.capture_exception(record.exc_info[1])

    heard: list = []
    logger = logging.Logger("of the program")
    logger.addHandler(Captures())
    posthog = make_posthog(log_captured_exceptions=True, logger=logger, disabled=disabled)
    posthog.capture_exception(raised(ValueError("on purpose")))
    assert len(heard) == 1
    assert len(sent(posthog)) == (0 if disabled else 1)


@pytest.mark.parametrize("is_raised", [True, False])
def test_variables_live_no_longer_than_the_program_wants(posthog, is_raised):
    class Large:
        pass

    large = Large()
    seen = weakref.ref(large)
    try:
        if is_raised:
            raise ValueError("x")
        posthog.capture_exception(ValueError("x"))
    except ValueError as error:
        posthog.capture_exception(error)
    del large
    assert seen() is None


def test_variables_are_shown_when_asked_and_secrets_never(make_posthog, sent):
    def work(password, url):
        count, text = 3, "plain"
        settings = {"api_key": "hunter2", "plan": "pro", "nested": [{"token": "hunter2"}]}
        raise ValueError("x", count, text, settings, password, url)

    posthog = make_posthog(project_root=FOLDER, capture_exception_code_variables=True)
    with pytest.raises(ValueError, match="x") as caught:
        work("hunter2", "postgresql://user:hunter2@host/db")
    posthog.capture_exception(caught.value, properties={"$exception_level": "error"})
    (event,) = sent(posthog)
    frame = event["properties"]["$exception_list"][0]["stacktrace"]["frames"][-1]
    variables = frame["code_variables"]
    assert (variables["count"], variables["text"]) == (3, "plain")
    assert variables["password"] == "$$_posthog_redacted_based_on_masking_rules_$$"
    assert variables["url"] == "postgresql://$$_posthog_redacted_based_on_masking_rules_$$@host/db"
    assert json.loads(variables["settings"])["plan"] == "pro"
    assert "hunter2" not in json.dumps(variables)


def test_each_exception_shows_the_variables_of_its_own_frames(make_posthog, sent):
    def first():
        mine = "first"
        raise KeyError(mine)

    def second():
        other = "second"
        try:
            first()
        except KeyError as error:
            raise ValueError(other) from error

    posthog = make_posthog(project_root=FOLDER, capture_exception_code_variables=True)
    with pytest.raises(ValueError, match="second") as caught:
        second()
    posthog.capture_exception(caught.value)
    outer, inner = sent(posthog)[0]["properties"]["$exception_list"]
    assert outer["stacktrace"]["frames"][-1]["code_variables"]["other"] == "second"
    assert inner["stacktrace"]["frames"][-1]["code_variables"]["mine"] == "first"


def test_a_context_may_choose_what_variables_show(make_posthog, sent):
    from fastbatch.posthog import contexts

    def work():
        ours, theirs = "o", "t"
        raise ValueError(ours, theirs)

    posthog = make_posthog(project_root=FOLDER)
    frames = []
    for mask in (["ours"], ["("]):
        with posthog.new_context():
            contexts.set_capture_exception_code_variables_context(True)
            contexts.set_code_variables_mask_patterns_context(mask)
            contexts.set_code_variables_ignore_patterns_context(["^theirs$"])
            contexts.set_code_variables_mask_url_credentials_context(False)
            contexts.set_code_variables_detect_secrets_context(False)
            with pytest.raises(ValueError, match="o") as caught:
                work()
            posthog.capture_exception(caught.value)
        frames.append(sent(posthog)[-1]["properties"]["$exception_list"][0]["stacktrace"]["frames"][-1])
    assert frames[0]["code_variables"] == {"ours": "$$_posthog_redacted_based_on_masking_rules_$$"}
    assert "code_variables" not in frames[1], "an expression that is none might have hidden a secret"
