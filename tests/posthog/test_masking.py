"""What variables show: as the posthog package masks them, and never less."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from posthog import exception_utils as oracle

from fastbatch.posthog.exceptions.patterns import IGNORED, MASKED, Patterns
from fastbatch.posthog.exceptions.secrets import REDACTED, looks_secret
from fastbatch.posthog.exceptions.variables import MOST_BYTES, Variables


def ours(frame):
    return Variables(MASKED, IGNORED).of(frame)


def theirs(frame):
    limiter = oracle.VariableSizeLimiter()
    return oracle.serialize_code_variables(
        frame,
        limiter,
        mask_patterns=oracle.DEFAULT_CODE_VARIABLES_MASK_PATTERNS,
        ignore_patterns=oracle.DEFAULT_CODE_VARIABLES_IGNORE_PATTERNS,
    )


def frame_with(value, name="value"):
    """Return a frame with one variable."""
    space = {"sys": sys, "given": value}
    exec(f"def work(given):\n    {name} = given\n    del given\n    return sys._getframe()", space)
    return space["work"](value)


def test_the_default_patterns_are_the_packages():
    """The guard: a new one of theirs must become one of ours."""
    assert list(MASKED) == oracle.DEFAULT_CODE_VARIABLES_MASK_PATTERNS
    assert list(IGNORED) == oracle.DEFAULT_CODE_VARIABLES_IGNORE_PATTERNS


@dataclasses.dataclass
class Account:
    name: str
    password: str
    inner: object = None


class Login(NamedTuple):
    user: str
    api_key: str


class Plain:
    def __init__(self, **attributes):
        vars(self).update(attributes)


class Slotted:
    __slots__ = ("auth_token", "name")

    def __init__(self):
        self.name, self.auth_token = "n", "hunter2"

    def __repr__(self):
        return f"<{self.name} {self.auth_token}>"


class Raising:
    def __repr__(self):
        raise RuntimeError("no")


class RaisingKey:
    def __str__(self):
        raise RuntimeError("no")

    __hash__ = object.__hash__


def circle():
    items: list = [1]
    items.append(items)
    return items


def deep(levels):
    value: object = "bottom"
    for _ in range(levels):
        value = [value]
    return value


VALUES = [
    None,
    True,
    0,
    -7,
    3.5,
    float("nan"),
    float("inf"),
    "",
    "plain",
    "x" * 3000,
    "x" * 1500,
    "é" * 1100,
    "the password is hunter2",
    "postgresql://user:hunter2@host/db",
    "https://example.com/path?q=1",
    "Authorization: Bearer abcdef123456",
    "bearer of news",
    "bearer transportation",
    "Basic YTpi",
    "basic training",
    "Bearer postgresql://user:pass@host",
    "https://blob.example/x?sv=1&sig=abc",
    "Xk9#mP2$vL5nQ8wR",
    "a1b2c3d4e5f60718293a4b5c6d7e8f90",
    "123e4567-e89b-12d3-a456-426614174000",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "-----BEGIN RSA PRIVATE KEY-----\nMIIB",
    "/usr/local/lib/Python3/Thing9",
    "C:\\Users\\Someone\\File9x",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc123XYZ",
    [1, "two", None],
    (1, 2),
    {1, 2},
    list(range(60)),
    {str(number): number for number in range(60)},
    {"api_key": "hunter2", "plan": "pro"},
    {"password=hunter2": 1},
    {1: "a", None: "b", 2.5: "c", False: "d"},
    {("a", "password"): 1},
    {("Xk9#mP2$vL5nQ8wR", 1): 1},
    {"https://u:p1@h": 1, "https://u:p2@h": 2},
    {"x" * 3000: 1},
    {RaisingKey(): "v"},
    [[{"token": "x"}, "Xk9#mP2$vL5nQ8wR"], ({"nested": {"dsn": 1, "ok": 2}},)],
    Account("ann", "hunter2"),
    Account("ann", "hunter2", Account("bob", "hunter3")),
    Login("ann", "hunter2"),
    Plain(a=1, secret="x"),
    Plain(),
    Slotted(),
    Raising(),
    [Raising(), Slotted()],
    circle(),
    deep(11),
    deep(14),
    [[number] for number in range(45)] + [[[1], [2], [3]]] * 4,
    b"bytes",
    range(3),
    len,
    Account,
    object,
    complex(1, 2),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_each_kind_of_value_shows_as_in_the_posthog_package(value):
    frame = frame_with(value)
    assert ours(frame) == theirs(frame)


@pytest.mark.parametrize("name", ["password", "api_key", "apiKey", "AUTHOR", "__dunder", "conn_str", "plain", "ok"])
def test_each_name_shows_as_in_the_posthog_package(name):
    frame = frame_with("v", name)
    assert ours(frame) == theirs(frame)


TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="aB3$-_./:=@ ", min_size=14, max_size=40),
    st.sampled_from(["password", "https://u:p@h", "Bearer abcdefghi1", "Xk9#mP2$vL5nQ8wR", "sk_live_" + "a1" * 10]),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), TEXTS)
NESTED = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(TEXTS, st.integers(), st.none()), inner, max_size=4),
        st.tuples(inner, inner),
        st.builds(Plain, a=inner, token=inner),
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(NESTED)
def test_random_values_show_as_in_the_posthog_package(value):
    frame = frame_with(value)
    assert ours(frame) == theirs(frame)


@settings(max_examples=1000, deadline=None)
@given(TEXTS)
def test_random_texts_are_taken_for_secrets_as_in_the_posthog_package(text):
    assert looks_secret(text) == oracle._looks_like_secret(text)


@settings(max_examples=200, deadline=None)
@given(NESTED)
def test_a_secret_never_shows_wherever_it_is(value):
    """Within anything, under a name that is hidden."""
    for holder in (
        {"password": "hunter2", "v": value},
        [value, {"api_key": "hunter2"}],
        Plain(secret="hunter2", v=value),
    ):
        assert "hunter2" not in json.dumps(ours(frame_with(holder)))


def test_the_variables_of_an_event_are_bounded():
    variables = Variables(MASKED, IGNORED)
    space = {"sys": sys}
    lines = "\n".join(f"    v{number} = 'text ' * 150" for number in range(100))
    exec(f"def work():\n{lines}\n    return sys._getframe()", space)
    shown = variables.of(space["work"]())
    assert 0 < len(json.dumps(shown)) < MOST_BYTES * 1.3
    assert variables.of(frame_with("x" * 900)) == {}, "frames of one event share the bound"


@pytest.mark.skipif(not hasattr(sys, "set_int_max_str_digits"), reason="numbers of any length can be written")
def test_a_number_with_a_million_digits_is_not_written_out():
    assert ours(frame_with(10**1_000_000)) == {"value": "<int>"}
    assert "value" in ours(frame_with([10**1_000_000]))


def test_patterns_of_every_kind():
    patterns = Patterns(["(?i)Pass", r"(?i)a\d+b", "(?i)(x|y)z", "^exact$", "(?s)a.c"])
    assert [patterns.match(text) for text in ("PASSWORD", "A12B", "Yz", "exact", "a\nc")] == [True] * 5
    assert [patterns.match(text) for text in ("pas", "ab", "z", "exactly", "ac")] == [False] * 5
    assert not Patterns([]).match("anything")


def test_a_client_among_the_variables_shows_no_key(make_posthog):
    posthog = make_posthog("phc_public", secret_key="phs_hidden", enable_local_evaluation=False)
    shown = json.dumps(ours(frame_with({"client": posthog, "below": posthog.client, "flags": posthog._flags})))
    assert "phc_public" not in shown
    assert "phs_hidden" not in shown


def test_what_is_redacted_says_so():
    assert ours(frame_with("x", "password")) == {"password": REDACTED}
