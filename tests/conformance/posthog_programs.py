"""
Programs that are run against the posthog package and against `fastbatch.posthog`, word for word the same.

Each has ``posthog`` (the module), ``client`` (a `Posthog` whose key is the program's name) and ``now`` (a fixed time).
Run as a script, ``python posthog_programs.py MODULE URL`` runs them all, ``... MODULE URL NAME`` one of module form.
"""

from __future__ import annotations

import importlib
import logging
import sys
import textwrap
import traceback
import types
import warnings
from datetime import datetime, timezone

CLIENT_PROGRAMS = {
    "capture": """
        client.capture("plain")
        client.capture("plain", distinct_id="u")
        client.capture("with properties", distinct_id="u", properties={"a": 1, "b": [1, {"c": None}], "d": "é"})
        client.capture("with time", distinct_id="u", timestamp=now)
        client.capture("with text time", distinct_id="u", timestamp="2026-01-02T03:04:05+02:00")
        client.capture("with date", distinct_id="u", timestamp="2026-01-02")
        client.capture("with uuid", distinct_id="u", uuid="01a1fd95-9b9b-731e-bc15-a940cc2e804b")
        client.capture("with bad uuid", distinct_id="u", uuid="nonsense")
        client.capture("with groups", distinct_id="u", groups={"company": "acme"})
        client.capture("with no groups", distinct_id="u", groups={})
        client.capture("without geoip", distinct_id="u", disable_geoip=True)
        client.capture("with geoip", distinct_id="u", disable_geoip=False)
        client.capture("$pageview", distinct_id="u", properties={"$current_url": "https://example.com"})
    """,
    "identities": """
        import uuid
        client.capture("number", distinct_id=12)
        client.capture("zero", distinct_id=0)
        client.capture("float", distinct_id=1.5)
        client.capture("uuid", distinct_id=uuid.UUID("01a1fd95-9b9b-731e-bc15-a940cc2e804b"))
        client.capture("empty", distinct_id="")
        client.capture("none", distinct_id=None)
        client.capture("anonymous by hand", distinct_id="u", properties={"$process_person_profile": False})
        client.capture("profile by hand", properties={"$process_person_profile": True})
    """,
    "own names lose": """
        client.capture("e", distinct_id="u", properties={"$os": "mine", "$lib": "mine", "$is_server": 0, "$groups": 1})
        client.capture("e", distinct_id="u", properties={"$geoip_disable": False, "$python_version": 0})
    """,
    "properties of persons": """
        client.set(distinct_id="u", properties={"email": "a@b.c"})
        client.set_once(distinct_id="u", properties={"first": 1}, timestamp=now)
        client.set(properties={"email": "a@b.c"})
        client.set(distinct_id="u", properties={})
        client.set(distinct_id="u")
        client.set_once(distinct_id="u", properties={"a": 1}, disable_geoip=False)
        client.capture("both", distinct_id="u", properties={"$set": {"a": 1}, "$set_once": {"b": 2}})
    """,
    "aliases and groups": """
        client.alias("old", "new")
        client.alias(previous_id="old", distinct_id="new", timestamp=now)
        client.alias("", "new")
        client.alias("old", None)
        client.alias(1, 2)
        client.group_identify("company", "acme", {"employees": 11})
        client.group_identify("company", "acme")
        client.group_identify("company", 7, {"n": 1}, distinct_id="u", timestamp=now)
        client.group_identify("company", "acme", {"n": 1}, now, None, False, "u")
        client.group_identify("", "acme")
        client.group_identify("company", "")
    """,
    "contexts": """
        with client.new_context():
            client.tag("plan", "free")
            client.tag("city", "Kyiv")
            client.identify_context("ctx")
            client.set_context_session("s1")
            client.capture("one", properties={"plan": "pro"})
            client.capture("two", distinct_id="other", properties={"$session_id": "own"})
            with client.new_context():
                client.tag("plan", "inner")
                client.tag("further", 1)
                client.capture("three")
            with client.new_context(fresh=True):
                client.capture("four")
            client.set(properties={"plan": "pro"})
            client.set_once(properties={"plan": "pro"})
            client.alias("old", None)
            client.group_identify("company", "acme")
            assert client.get_tags() == {"plan": "free", "city": "Kyiv"}
        with client.new_context():
            client.capture("nothing said", distinct_id="u")

        @client.scoped(fresh=True)
        def work():
            client.tag("in", "work")
            client.capture("five")

        work()
        client.capture("outside", distinct_id="u")
    """,
    "exceptions": """
        def fail(text):
            raise ValueError(text)

        def chain():
            try:
                fail("inner")
            except ValueError as error:
                raise RuntimeError("outer") from error

        def context():
            try:
                fail("inner")
            except ValueError:
                raise RuntimeError("outer")

        def suppressed():
            try:
                fail("inner")
            except ValueError:
                raise RuntimeError("outer") from None

        def not_found():
            open("/nowhere/at/all")

        for work in (lambda: fail("x"), chain, context, suppressed, not_found, lambda: {}["missing"]):
            try:
                work()
            except Exception as error:
                client.capture_exception(error, distinct_id="u", properties={"a": 1})
                client.capture_exception(error, distinct_id="u")
        try:
            fail("current")
        except ValueError:
            client.capture_exception(None)
        client.capture_exception(KeyError("never raised"), distinct_id="u")
        client.capture_exception(None)
        with client.new_context():
            client.tag("t", 1)
            client.identify_context("ctx")
            client.capture_exception(OSError(2, "no"))
        try:
            with client.new_context(capture_exceptions=True):
                client.tag("on its way", 1)
                fail("through a context")
        except ValueError:
            pass
    """,
    "exception groups": """
        import sys
        if sys.version_info >= (3, 11):
            try:
                inner = ExceptionGroup("inner", [KeyError("2"), TypeError("3")])
                raise ExceptionGroup("many", [ValueError("1"), inner])
            except Exception as error:
                client.capture_exception(error, distinct_id="u")
    """,
    "values": """
        import datetime, decimal, uuid, dataclasses

        @dataclasses.dataclass
        class Point:
            x: int
            y: int = 2

        client.capture("values", distinct_id="u", properties={
            "decimal": decimal.Decimal("1.5"),
            "uuid": uuid.UUID("01a1fd95-9b9b-731e-bc15-a940cc2e804b"),
            "tuple": (1, 2),
            "set": {1},
            "nan": float("nan"),
            "infinite": float("inf"),
            "bytes": b"text",
            "dataclass": Point(1),
            "date": datetime.date(2026, 1, 2),
            "datetime": datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc),
            "nested": {"decimal": decimal.Decimal("2"), "list": [(1,)]},
        })
    """,
    "bad arguments": """
        client.capture(None, distinct_id="u")
        client.capture("object", distinct_id="u", properties={"a": object()})
        client.capture("text", distinct_id="u", properties="text")
        client.set("u", {"a": 1}, "too", "many", "by", "position", "x")
        client.capture("after", distinct_id="u")
    """,
}
"""Settings of the client stand in `SETTINGS`."""

SETTING_PROGRAMS = {
    "super properties": (
        {"super_properties": {"plan": "pro", "$is_server": "mine"}},
        """
        client.capture("e", distinct_id="u", properties={"plan": "free", "own": 1})
        client.set(distinct_id="u", properties={"a": 1})
        client.alias("old", "new")
        client.group_identify("company", "acme")
        """,
    ),
    "geoip is looked up": (
        {"disable_geoip": False},
        """
        client.capture("e", distinct_id="u")
        client.capture("e", distinct_id="u", disable_geoip=True)
        client.set(distinct_id="u", properties={"a": 1})
        """,
    ),
    "no server": ({"is_server": False}, 'client.capture("e", distinct_id="u")'),
    "disabled": ({"disabled": True}, 'client.capture("e", distinct_id="u")'),
    "nothing is sent": ({"send": False}, 'client.capture("e", distinct_id="u")'),
    "sync": ({"sync_mode": True}, 'client.capture("e", distinct_id="u")'),
    "of the past": ({"historical_migration": True}, 'client.capture("e", distinct_id="u", timestamp=now)'),
    "packed": ({"gzip": True}, 'client.capture("e", distinct_id="u")'),
    "one by one": (
        {"flush_at": 1, "thread": 1},
        'client.capture("a", distinct_id="u")\nclient.capture("b", distinct_id="u")',
    ),
    "before send": (
        {"before_send": lambda event: None if event["event"] == "drop" else {**event, "event": "kept"}},
        """
        client.capture("keep", distinct_id="u", properties={"a": 1})
        client.capture("drop", distinct_id="u")
        client.set(distinct_id="u", properties={"a": 1})
        """,
    ),
    "before send fails": ({"before_send": lambda event: 1 / 0}, 'client.capture("e", distinct_id="u")'),
    "variables": (
        {"capture_exception_code_variables": True, "project_root": "/"},
        """
        def fail(password, count):
            names = ["a", "b"]
            raise ValueError("x")

        try:
            fail("hunter2", 3)
        except ValueError as error:
            client.capture_exception(error, distinct_id="u")
        """,
    ),
    "own modules": (
        {"in_app_modules": ["json"], "project_root": "/nowhere"},
        """
        import json
        try:
            json.loads("{")
        except ValueError as error:
            client.capture_exception(error, distinct_id="u")
        """,
    ),
    "flags": (
        {"personal_api_key": "phx"},
        """
        assert client.get_feature_flag("local", "u") is True
        assert client.get_feature_flag("local", "u") is True
        assert client.feature_enabled("off", "u") is False
        assert client.get_feature_flag("remote", "u") == "blue"
        assert client.get_feature_flag_payload("remote", "u") == {"a": 1}
        assert client.get_feature_flag_result("remote", "v").variant == "blue"
        assert client.get_feature_flag("missing", "u") is None
        assert client.get_all_flags("u")["local"] is True
        with client.new_context():
            client.identify_context("ctx")
            client.tag("t", 1)
            client.get_feature_flag("local", "ctx", groups={"company": "acme"})
            snapshot = client.evaluate_flags()
        assert snapshot.is_enabled("local")
        assert snapshot.get_flag("off") is False
        client.capture("with snapshot", distinct_id="u", properties={"$feature/local": "own"}, flags=snapshot)
        client.capture("with flags", distinct_id="u", send_feature_flags=True)
        client.capture("with options", distinct_id="u", send_feature_flags={"only_evaluate_locally": False})
        """,
    ),
    "flags of the server": (
        {},
        """
        assert client.get_feature_flag("remote", "u") == "blue"
        client.capture("with flags", distinct_id="u", send_feature_flags=True)
        client.capture("without", distinct_id="u", send_feature_flags=False)
        """,
    ),
}

MODULE_PROGRAMS = {
    "module": """
        posthog.super_properties = {"plan": "pro"}
        posthog.capture("e", distinct_id="u", properties={"a": 1})
        posthog.set(distinct_id="u", properties={"a": 1})
        posthog.set_once(distinct_id="u", properties={"a": 1})
        posthog.alias("old", "new")
        posthog.group_identify("company", "acme", {"n": 1})
        with posthog.new_context():
            posthog.identify_context("ctx")
            posthog.set_context_session("s")
            posthog.tag("t", 1)
            posthog.capture("in context")

        @posthog.scoped()
        def work():
            posthog.tag("w", 1)
            posthog.capture("scoped")

        work()
        assert posthog.feature_enabled("remote", "u", {"company": "acme"}) is True
        posthog.disabled = True
        posthog.capture("no", distinct_id="u")
        posthog.disabled = False
        posthog.capture("yes", distinct_id="u")
        posthog.flush()
        posthog.shutdown()
    """,
    "uncaught": """
        import threading
        posthog.enable_exception_autocapture = True
        posthog.setup()

        def fail(text):
            raise ValueError(text)

        thread = threading.Thread(target=fail, args=["in a thread"])
        thread.start()
        thread.join()
        posthog.flush()
        try:
            sys.excepthook(*exc_info_of(fail, "in the main thread"))
        finally:
            posthog.shutdown()
    """,
}


def exc_info_of(work, *arguments):
    """Return the triple of what ``work`` raises."""
    try:
        work(*arguments)
    except Exception:  # noqa: BLE001 - its own
        return sys.exc_info()
    raise AssertionError("nothing was raised")


def run(text: str, **names: object) -> None:
    module = types.ModuleType("program")
    sys.modules["program"] = module
    now = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
    vars(module).update(sys=sys, now=now, exc_info_of=exc_info_of, **names)
    exec(compile(textwrap.dedent(text), "program.py", "exec"), vars(module))


def main(module: str, url: str, name: str = "") -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    posthog = importlib.import_module(module)
    if name:
        posthog.api_key, posthog.host = name, url
        run(MODULE_PROGRAMS[name], posthog=posthog)
        return
    programs = {each: ({}, text) for each, text in CLIENT_PROGRAMS.items()} | SETTING_PROGRAMS
    for key, (settings, text) in programs.items():
        client = posthog.Posthog(key, host=url, **settings)
        try:
            run(text, posthog=posthog, client=client)
        except Exception:  # noqa: BLE001 - it is what is compared
            client.capture("program failed", distinct_id=traceback.format_exc())
        client.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
