"""What has no JSON form is refused, by an error that names the path and the type."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections import UserDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, EnumMeta
from typing import Any
from unittest.mock import MagicMock

import pytest

from fastbatch.errors import FieldError, UnserializableError
from fastbatch.pipeline.encode import encode, encode_plainly
from fastbatch.pipeline.plain_json import MAX_DEPTH

Encoder = Callable[[dict[str, Any], str], bytes]
ENCODERS = [pytest.param(encode, id="fast"), pytest.param(encode_plainly, id="plain")]


class Opaque:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class Liar:
    @property
    def __class__(self) -> type:  # type: ignore[override]
        raise RuntimeError("no class")


class Unreadable(UserDict):
    def __getitem__(self, key: object) -> object:
        raise KeyError(key)


class Model:
    def model_dump(self, mode: str) -> object:
        raise ValueError("no dump")


class Endless:
    def tolist(self) -> Endless:
        return self


class Incomparable:
    def __lt__(self, other: object) -> bool:
        raise ZeroDivisionError


class Meta(EnumMeta):
    pass


class Moody(Enum, metaclass=Meta):
    A = 1

    @property
    def value(self) -> int:
        raise RuntimeError("no value")


@dataclass
class Unset:
    a: int = field(init=False)


@dataclass
class Node:
    next: object = None


def a_cyclic_node() -> Node:
    node = Node()
    node.next = node
    return node


def a_cyclic_list() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


REFUSED: list[object] = [
    object(),
    Opaque(),
    Liar(),
    MagicMock(),
    Unreadable(a=1),
    Model(),
    Endless(),
    {Incomparable(), Incomparable()},
    Moody.A,
    Unset(),
    1j,
    int,
    Node,
    len,
    (character for character in "a generator is used up by reading it"),
    iter([1]),
    ValueError("x"),
    10**5000,
    Decimal("1e400"),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
]


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("index", range(len(REFUSED)), ids=lambda index: type(REFUSED[index]).__name__)
def test_what_has_no_json_form_is_refused_by_path_and_type(encoder: Encoder, index: int) -> None:
    """The peers send null for it, or leave out the key."""
    with pytest.raises(UnserializableError) as caught:  # by index, for pytest itself cannot bear some of the values
        encoder({"properties": {"items": [0, 1, 2, {"price": REFUSED[index]}]}}, "track")
    error = caught.value
    assert error.field.startswith("properties.items[3].price")
    assert error.kind == "Track"
    assert isinstance(error.value, type)
    assert isinstance(error, (FieldError, ValueError))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_text_tells_type_and_place_and_nothing_of_the_value(encoder: Encoder) -> None:
    """It ends up in logs."""
    with pytest.raises(UnserializableError) as caught:
        encoder({"properties": {"card": complex(4111, 1111)}}, "group_identify")
    assert str(caught.value) == (
        "GroupIdentify.properties.card: invalid field value: <class 'complex'>; must be of a type that has a JSON form"
    )


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("key", [(1, 2), frozenset({1}), object(), Opaque()], ids=lambda key: type(key).__name__)
def test_a_key_that_has_no_text_is_refused(encoder: Encoder, key: object) -> None:
    """A tuple as text would be Python's idea of one, which no server reads."""
    with pytest.raises(UnserializableError) as caught:
        encoder({"properties": {"by_size": {"a": 1, key: 2}}}, "track")
    assert caught.value.field == "properties.by_size"
    assert caught.value.value is type(key)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_cause_is_what_the_values_own_code_raised(encoder: Encoder) -> None:
    """Otherwise nobody could tell why a model was refused."""
    with pytest.raises(UnserializableError) as caught:
        encoder({"m": Model()}, "track")
    assert repr(caught.value.__cause__) == "ValueError('no dump')"


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_unprintable_key_cannot_break_a_log_line(encoder: Encoder) -> None:
    """Nor does a long one fill it."""
    with pytest.raises(UnserializableError) as caught:
        encoder({"a\nb": {"x" * 5000: 1j}}, "track")
    assert caught.value.field.startswith("['a\\nb'].xxx")
    assert len(caught.value.field) < 200


def nested(wrap: Callable[[object], object], depth: int) -> dict[str, object]:
    value: object = 1
    for _ in range(depth - 1):
        value = wrap(value)
    return {"v": value}


WRAPS = {
    "list": lambda value: [value],
    "dict": lambda value: {"a": value},
    "set": lambda value: dict.fromkeys([1], value).values(),
    "dataclass": Node,
    "mapping": lambda value: UserDict(a=value),
}


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_the_depth_limit_is_the_same_for_both_encoders(encoder: Encoder, wrap: Callable[[object], object]) -> None:
    """A message must not be refused on one machine and taken on the other."""
    assert encoder(nested(wrap, MAX_DEPTH), "track") == encode_plainly(nested(wrap, MAX_DEPTH), "track")
    with pytest.raises(UnserializableError, match=rf"without a cycle and nested at most {MAX_DEPTH} deep"):
        encoder(nested(wrap, MAX_DEPTH + 1), "track")


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("empty", [[], {}], ids=["list", "dict"])
def test_an_empty_innermost_value_counts_as_a_level(encoder: Encoder, empty: object) -> None:
    """orjson counts it, too."""
    value = empty
    for _ in range(MAX_DEPTH - 2):
        value = [value]
    encoder({"v": value}, "track")
    with pytest.raises(UnserializableError):
        encoder({"v": [value]}, "track")


@pytest.mark.parametrize("encoder", ENCODERS)
def test_tuples_do_not_count_as_levels(encoder: Encoder) -> None:
    """orjson does not count them, and to count them after it would cost more than encoding."""
    value = nested(lambda inner: (inner,), MAX_DEPTH + 46)
    assert encoder(value, "track").count(b"[") == MAX_DEPTH + 45


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("make", [a_cyclic_list, a_cyclic_node])
def test_a_cycle_is_refused(encoder: Encoder, make: Callable[[], object]) -> None:
    """Frameworks put requests, which know their user, who knows the request, into properties."""
    with pytest.raises(UnserializableError, match="cycle"):
        encoder({"v": make()}, "track")


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_caller_deep_in_its_stack_gets_the_same_error_type(encoder: Encoder) -> None:
    """RecursionError would escape a program's ``except FastbatchError``."""

    def dive(levels: int) -> None:
        if levels:
            dive(levels - 1)
        else:
            # The key keeps orjson, which takes as many tuples as there are, from reading on.
            encoder({1: 1, **nested(lambda value: (value,), 600)}, "track")  # type: ignore[dict-item]

    with pytest.raises(UnserializableError):
        dive(sys.getrecursionlimit() // 2)


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_not_swallowed(encoder: Encoder, interruption: type[BaseException]) -> None:
    """orjson wraps Ctrl-C in a TypeError like anything else that a value's own code raises."""

    @dataclasses.dataclass
    class Slow:
        a: int = 1

        def __getattribute__(self, name: str) -> object:
            raise interruption

    with pytest.raises(interruption):
        encoder({"v": Slow()}, "track")


WITHOUT_ORJSON = """
import sys, sysconfig
if sys.argv[1] == "missing":
    sys.modules["orjson"] = None
else:
    get = sysconfig.get_config_var
    sysconfig.get_config_var = lambda name: 1 if name == "Py_GIL_DISABLED" else get(name)
from fastbatch.pipeline import encode
assert not encode.IS_FAST
assert encode.encode is encode.encode_plainly
assert sys.argv[1] == "missing" or "orjson" not in sys.modules
"""


@pytest.mark.parametrize("reason", ["missing", "free-threaded"])
def test_the_plain_encoder_is_chosen_without_orjson_or_without_a_gil(reason: str) -> None:
    """Importing orjson on a free-threaded interpreter would bring the GIL back."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", WITHOUT_ORJSON, reason], env=environment, check=True)
