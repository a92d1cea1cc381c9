"""The coercion table, row by row, with both encoders."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sysconfig
from array import array
from collections import ChainMap, Counter, OrderedDict, UserDict, UserString, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, EnumMeta, Flag, IntEnum
from pathlib import PurePosixPath, PureWindowsPath
from types import MappingProxyType, SimpleNamespace
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

import numpy as np
import pytest

from fastbatch.messages import Context, OSInfo, Product, Properties
from fastbatch.pipeline.encode import IS_FAST, encode, encode_plainly

ENCODERS = [pytest.param(encode, id="fast"), pytest.param(encode_plainly, id="plain")]

DST = timezone(timedelta(hours=2))


class Point(NamedTuple):
    x: int
    y: str


class Color(Enum):
    RED = "red"
    PAIR = (1, {"a": None})


class Level(IntEnum):
    HIGH = 3


class Mode(str, Enum):
    ON = "on"


class Rights(Flag):
    READ = 1
    WRITE = 2


class ChoicesMeta(EnumMeta):
    """As Django's choices have."""


class Choice(Enum, metaclass=ChoicesMeta):
    A = "a"


class Text(str):
    __slots__ = ()


class Number(int):
    pass


class Real(float):
    def __float__(self) -> float:
        return 9.0


class Sorted(dict):
    def items(self) -> Any:
        return sorted(super().items())


class Reversed(list):
    def __iter__(self) -> Any:
        return reversed(list(super().__iter__()))


class NoOffset(tzinfo):
    def utcoffset(self, moment: datetime | None) -> None:
        return None


class NotATime(datetime):
    """Stands in for pandas' NaT."""

    def __ne__(self, other: object) -> bool:
        return True


@dataclasses.dataclass
class Address:
    city: str
    since: date | None = None
    _note: str = "n"


@dataclasses.dataclass(frozen=True)
class Home:
    address: Address
    rooms: tuple[int, ...] = (1, 2)


class Pydantic2:
    def model_dump(self, mode: str) -> dict[str, Any]:
        return {"mode": mode}


class Pydantic1:
    __fields__: ClassVar = {"a": None}

    def dict(self) -> dict[str, Any]:
        return {"at": date(2026, 1, 2)}


class Attrs:
    __attrs_attrs__ = (SimpleNamespace(name="a"), SimpleNamespace(name="b"))

    def __init__(self) -> None:
        self.a, self.b = 1, Color.RED


def ordered() -> OrderedDict[str, int]:
    moved = OrderedDict(a=1, b=2)
    moved.move_to_end("a")
    return moved


TABLE: list[tuple[object, str]] = [
    ("é\u2028</script>😀", '"é\u2028</script>😀"'),
    ('"\\\b\f\n\r\t\x00\x1f\x7f', '"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f"'),
    ("a\ud800b\udfff", '"a\ufffdb\ufffd"'),
    ("\ud83d\ude00", '"😀"'),
    (Text("x"), '"x"'),
    (UserString("x"), '"x"'),
    (np.str_("x"), '"x"'),
    (0, "0"),
    (-(2**63), "-9223372036854775808"),
    (2**64 - 1, "18446744073709551615"),
    (2**64, "18446744073709551616"),
    (-(10**40), "-1" + 40 * "0"),
    (Number(7), "7"),
    (Number(2**70), str(2**70)),
    (True, "true"),
    (None, "null"),
    (1.0, "1.0"),
    (-0.0, "-0.0"),
    (1e16, "1e+16"),
    (0.0001, "0.0001"),
    (-1.5e-5, "-0.000015"),
    (1e-5, "0.00001"),
    (1.5e-7, "1.5e-7"),
    (5e-324, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (float("nan"), "null"),
    (float("inf"), "null"),
    (float("-inf"), "null"),
    (Real(1.5), "1.5"),
    (Decimal("39.95"), "39.95"),
    (Decimal("5"), "5.0"),
    (Decimal("NaN"), "null"),
    (Decimal("sNaN"), "null"),
    (Decimal("-Infinity"), "null"),
    ([1, [2]], "[1,[2]]"),
    ((1, (2,)), "[1,[2]]"),
    ([], "[]"),
    ((), "[]"),
    ({}, "{}"),
    (Point(1, "a"), '[1,"a"]'),
    (Reversed([1, 2]), "[1,2]"),
    (Sorted(b=1, a=2), '{"b":1,"a":2}'),
    (ordered(), '{"a":1,"b":2}'),
    (defaultdict(int, a=1), '{"a":1}'),
    (Counter("aab"), '{"a":2,"b":1}'),
    (UserDict(a=1), '{"a":1}'),
    (ChainMap({"a": 1}), '{"a":1}'),
    (MappingProxyType({"a": 1}), '{"a":1}'),
    ({3, 1, 2}, "[1,2,3]"),
    (frozenset({"b", "a"}), '["a","b"]'),
    ({"a", 1, None}, '["a",1,null]'),
    ({frozenset({"c", "d"}), frozenset({"b", "a"})}, '[["a","b"],["c","d"]]'),
    (set(), "[]"),
    (deque([1, 2]), "[1,2]"),
    (range(3), "[0,1,2]"),
    ({"b": 1, "a": 2}.keys(), '["b","a"]'),
    ({"b": 1}.values(), "[1]"),
    ({"b": 1}.items(), '[["b",1]]'),
    (array("i", [1, 2]), "[1,2]"),
    (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc), '"2026-01-02T03:04:05.000006Z"'),
    (datetime(2026, 1, 2, 3, 4, 5, tzinfo=DST), '"2026-01-02T01:04:05.000000Z"'),
    (datetime(2026, 1, 2, 3, 4, 5), '"2026-01-02T03:04:05.000000Z"'),
    (datetime(2026, 1, 2, tzinfo=NoOffset()), '"2026-01-02T00:00:00.000000Z"'),
    (NotATime(2026, 1, 2), "null"),
    (date(2026, 1, 2), '"2026-01-02"'),
    (time(3, 4, 5), '"03:04:05"'),
    (time(3, 4, 5, 6, tzinfo=DST), '"03:04:05.000006+02:00"'),
    (timedelta(days=1, milliseconds=500), "86400.5"),
    (UUID(int=7), '"00000000-0000-0000-0000-000000000007"'),
    (Color.RED, '"red"'),
    (Color.PAIR, '[1,{"a":null}]'),
    (Level.HIGH, "3"),
    (Mode.ON, '"on"'),
    (Rights.READ | Rights.WRITE, "3"),
    (Choice.A, '"a"'),
    (
        Home(Address("Oslo", date(2026, 1, 2))),
        '{"address":{"city":"Oslo","since":"2026-01-02","_note":"n"},"rooms":[1,2]}',
    ),
    ("é".encode(), '"é"'),
    (b"\xff\x00", '"/wA="'),
    (bytearray(b"a"), '"a"'),
    (memoryview(b"abc")[::2], '"ac"'),
    (PurePosixPath("/a/b"), '"/a/b"'),
    (PureWindowsPath("c:\\a"), '"c:\\\\a"'),
    (np.int8(5), "5"),
    (np.uint64(2**64 - 1), "18446744073709551615"),
    (np.float64(1.5), "1.5"),
    (np.float32(0.5), "0.5"),
    (np.longdouble(0.5), "0.5"),
    (np.float64("nan"), "null"),
    (np.bool_(True), "true"),
    (np.bytes_(b"a"), '"a"'),
    (np.datetime64("2026-01-02T03:04:05.123456789"), '"2026-01-02T03:04:05.123456Z"'),
    (np.datetime64("2026-01-02"), '"2026-01-02T00:00:00.000000Z"'),
    (np.datetime64("NaT", "s"), "null"),
    (np.timedelta64(1500, "ms"), "1.5"),
    (np.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
    (np.array([0.5, np.nan]), "[0.5,null]"),
    (np.array(7), "7"),
    (np.array(["2026-01-02"], dtype="M8[ns]"), '["2026-01-02T00:00:00.000000Z"]'),
    (np.array([0.5], dtype=np.longdouble), "[0.5]"),
    (Pydantic2(), '{"mode":"json"}'),
    (Pydantic1(), '{"at":"2026-01-02"}'),
    (Attrs(), '{"a":1,"b":"red"}'),
    (Properties().set_products(Product(id="p")), '{"products":[{"id":"p"}]}'),
    (Context(os=OSInfo(name="iOS")), '{"os":{"name":"iOS"}}'),
]

KEYS: list[tuple[object, str]] = [
    ("a", "a"),
    (Text("a"), "a"),
    (Mode.ON, "on"),
    (True, "true"),
    (False, "false"),
    (None, "null"),
    (7, "7"),
    (2**70, str(2**70)),
    (1.5e-7, "1.5e-7"),
    (float("nan"), "null"),
    (Decimal("1.5"), "1.5"),
    (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (Color.RED, "red"),
    (Level.HIGH, "3"),
    (datetime(2026, 1, 2), "2026-01-02T00:00:00.000000Z"),
    (date(2026, 1, 2), "2026-01-02"),
    (b"a", "a"),
    (PurePosixPath("/a"), "/a"),
    (np.int64(7), "7"),
    ("\ud800", "\ufffd"),
    ('"', '"'),
]

LONE = "\ud800"

Encoder = Callable[[dict[str, Any], str], bytes]


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(("value", "expected"), TABLE, ids=lambda value: type(value).__name__)
def test_a_value_is_encoded_as_the_table_says(encoder: Encoder, value: object, expected: str) -> None:
    """The same bytes, whichever encoder is used."""
    encoded = encoder({"v": value}, "track")
    assert encoded == f'{{"v":{expected}}}'.encode()
    json.loads(encoded, parse_constant=refuse_constant)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize(("key", "expected"), KEYS, ids=lambda value: type(value).__name__)
def test_a_key_becomes_text(encoder: Encoder, key: Any, expected: str) -> None:
    """A counter by id, {42: 7}, is common, and JSON has no such keys."""
    assert json.loads(encoder({"v": {key: 1}}, "track")) == {"v": {expected: 1}}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("mapping", [{1: "a", "1": "b"}, {"1": "a", 1: "b"}, {"\ufffd": "a", LONE: "b"}])
def test_of_keys_with_the_same_text_the_last_wins(encoder: Encoder, mapping: dict[Any, str]) -> None:
    """An object with a key twice is read differently by different servers."""
    assert encoder({"v": mapping}, "track").count(b":") == 2
    assert list(json.loads(encoder({"v": mapping}, "track"))["v"].values()) == ["b"]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_change_after_encoding_has_no_effect(encoder: Encoder) -> None:
    """PostHog/posthog-dotnet#266: the queue held the caller's dict."""
    items = [1]
    fields: dict[str, Any] = {"a": {"items": items}}
    encoded = encoder(fields, "track")
    items.append(2)
    fields["b"] = 1
    assert encoded == b'{"a":{"items":[1]}}'


@pytest.mark.parametrize("encoder", ENCODERS)
def test_encoding_changes_nothing(encoder: Encoder) -> None:
    """posthog-python wrote defaults into the caller's properties."""
    inner = {2**70: {"x"}, "at": datetime(2026, 1, 2)}
    fields = {"a": inner}
    encoder(fields, "track")
    assert fields == {"a": {2**70: {"x"}, "at": datetime(2026, 1, 2)}}
    assert fields["a"] is inner


HAS_ORJSON = importlib.util.find_spec("orjson") is not None and not sysconfig.get_config_var("Py_GIL_DISABLED")


@pytest.mark.skipif(not HAS_ORJSON, reason="orjson is not installed, or the interpreter has no GIL")
def test_orjson_is_used_where_it_is_installed() -> None:
    """Otherwise every test of this file would pass by running the plain encoder twice."""
    assert IS_FAST
    assert encode is not encode_plainly
