"""The two encoders agree on every value, and what they write is strict JSON."""

from __future__ import annotations

import json
import math
import random
import struct
from collections import OrderedDict, deque
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbatch.errors import UnserializableError
from fastbatch.pipeline import encode as encoding
from fastbatch.pipeline.encode import encode, encode_plainly


class Pair(NamedTuple):
    a: object
    b: object


class Word(str):
    __slots__ = ()


class Color(str, Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


@dataclass
class Box:
    content: object


def is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:  # a signalling NaN
        return False
    return True


any_text = st.text(st.characters(exclude_categories=()))
plain_scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text()
odd_scalars = (
    any_text
    | any_text.map(Word)
    | st.integers()
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.datetimes(timezones=st.timezones(no_cache=False))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.sampled_from([Color.RED, Level.LOW, range(3), 1j, object, Ellipsis])
    | st.floats(width=32).map(np.float32)
    | st.floats().map(np.float64)
)
odd_keys = (
    any_text | st.none() | st.booleans() | st.integers() | st.floats() | st.uuids() | st.dates() | st.just(Color.RED)
)


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=4)
    return (
        lists
        | lists.map(tuple)
        | lists.map(deque)
        | st.sets((plain_scalars | odd_scalars).filter(is_hashable), max_size=4)
        | st.dictionaries(odd_keys, inner, max_size=4)
        | st.dictionaries(st.text(), inner, max_size=4).map(OrderedDict)
        | st.builds(Pair, inner, inner)
        | st.builds(Box, inner)
    )


anything = st.recursive(plain_scalars | odd_scalars, containers, max_leaves=20)
plain_json = st.recursive(
    plain_scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=30,
)


def outcome(encoder: Any, value: object) -> object:
    try:
        return encoder({"v": value}, "track")
    except UnserializableError as error:
        return str(error)


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


def without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return {key: without_nan(item) for key, item in value.items()} if isinstance(value, dict) else value


@given(anything)
@settings(max_examples=500, deadline=None)
def test_the_encoders_write_the_same_bytes_or_refuse_with_the_same_words(value: object) -> None:
    """A program must not notice whether orjson is installed."""
    assert outcome(encode, value) == outcome(encode_plainly, value)


@given(plain_json)
@settings(max_examples=300, deadline=None)
def test_plain_values_need_no_fallback_and_come_back_from_json(value: object) -> None:
    """Byte for byte, on the path that nearly every event takes."""
    encoded = encode_plainly({"v": value}, "track")
    if encoding.IS_FAST:
        assert encoding.dumps({"v": value}, None, 0) == encoded  # type: ignore[misc]
    assert json.loads(encoded, parse_constant=refuse_constant) == {"v": without_nan(value)}


@given(anything)
@settings(max_examples=200, deadline=None)
def test_what_is_encoded_is_strict_json_and_encodes_to_itself(value: object) -> None:
    """Idempotent: coerced values have no further form."""
    try:
        encoded = encode({"v": value}, "track")
    except UnserializableError:
        return
    decoded = json.loads(encoded, parse_constant=refuse_constant)
    assert encode(decoded, "track") == encoded
    assert b"\xed\xa0" not in encoded


@given(anything)
@settings(max_examples=100, deadline=None)
def test_encoding_leaves_its_argument_as_it_was(value: object) -> None:
    """By repr, since a NaN is not equal to itself."""
    fields = {"v": value}
    before = repr(fields)
    outcome(encode, value)
    outcome(encode_plainly, value)
    assert repr(fields) == before


@pytest.mark.skipif(not encoding.IS_FAST, reason="orjson is not installed")
def test_floats_have_orjsons_text() -> None:
    """Random bit patterns, and short decimals of every magnitude, where the layouts of the two differ."""
    source = random.Random(20261121)
    patterns = [struct.unpack("<d", source.randbytes(8))[0] for _ in range(20_000)]
    decimals = [source.randint(-9999, 9999) * 10.0**exponent for exponent in range(-320, 305) for _ in range(8)]
    floats = {"v": [*patterns, *decimals]}
    assert encode(floats, "track") == encode_plainly(floats, "track")
