"""What the collector makes of the bytes of a request."""

from __future__ import annotations

import base64
import gzip
import json
import random
import sys
import time

import pytest

from fastbatch.collector.bodies import WireError, inflate
from fastbatch.collector.wire import basic_user, read_batch, read_single


def test_a_message_is_kept_as_it_was_written() -> None:
    """The text of a message is a slice of the body: spaces, digits and repeated keys survive."""
    text = '{ "type":"track", "messageId":"m1","n":1.50, "big":123456789012345678901234567890, "n":2 }'
    (received,) = read_batch(f'{{"batch": [ {text} ], "sentAt":"now"}}'.encode())
    assert received.text == text
    assert (received.message_id, received.kind, received.user_id) == ("m1", "track", None)


def test_the_batch_is_found_wherever_it_stands_among_the_keys() -> None:
    """Official SDKs write keys before and after the batch."""
    body = {"sentAt": "now", "context": {"batch": [1]}, "batch": [{"type": "page", "userId": "u"}], "writeKey": "k"}
    for indent in (None, 2):
        (received,) = read_batch(json.dumps(body, indent=indent).encode())
        assert (received.kind, received.user_id) == ("page", "u")


def test_messages_keep_their_order() -> None:
    """The order within a batch is the order in which the messages were made."""
    body = {"batch": [{"type": "track", "messageId": str(n)} for n in range(300)]}
    assert [received.message_id for received in read_batch(json.dumps(body).encode())] == [str(n) for n in range(300)]


def test_a_message_without_id_gets_one() -> None:
    """Both vendors' servers make an id up; without one, two such messages would count as one."""
    received = read_batch(
        b'{"batch":[{"type":"track"},{"type":"track","messageId":""},{"type":"track","messageId":7}]}'
    )
    assert len({message.message_id for message in received}) == 3
    assert received[2].message_id == "7"


def test_a_lone_surrogate_is_stored_as_its_escape() -> None:
    """It is valid JSON and no valid text for a database."""
    (received,) = read_batch(rb'{"batch":[{"type":"track","messageId":"\ud800","userId":"\udfff"}]}')
    assert (received.message_id, received.user_id) == ("\\ud800", "\\udfff")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"batch"',
        b"{}",
        b'{"batch":[]}',
        b'{"batch":{}}',
        b'{"batch":null}',
        b'{"batch":[1]}',
        b'{"batch":[{}]}',
        b'{"batch":[{"type":1}]}',
        b'{"batch":[{"type":""}]}',
        b'{"batch":[{"type":"track"}',
        b'{"batch":[{"type":"track"}]',
        b'{"batch":[{"type":"track"},]}',
        b'{"batch":[{"type":"track"} {"type":"track"}]}',
        b'{"batch":[{"type":"track"}],}',
        b'{"batch":[{"type":"track"}]}}',
        b'{"batch":[{"type":"track"}]} x',
        b'{"batch":[{"type":"track","x":NaN}]}',
        b'{"batch":[{"type":"track"}],"x":Infinity}',
        b'{"batch"[{"type":"track"}]}',
        b'{batch:[{"type":"track"}]}',
        b'{"batch":[{"type":"track","x":"\xff"}]}',
        b'{"batch":[{"type":"track","x":"a\nb"}]}',
        b'{"batch":[' + b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_batch_is_answered_with_400(body: bytes) -> None:
    """Whatever is wrong with it, the answer is 400 and never a crash."""
    with pytest.raises(WireError) as raised:
        read_batch(body)
    assert raised.value.status == 400


def test_the_type_of_a_single_message_comes_from_its_path() -> None:
    """`/v1/track` need not be told that it gets a track; one that says so is kept as it is."""
    (received,) = read_single(b'{"userId":"u","event":"\xc3\xa9"}', "track")
    assert (received.kind, json.loads(received.text)) == ("track", {"type": "track", "userId": "u", "event": "é"})
    (received,) = read_single(b' {"type":"page" } ', "track")
    assert (received.kind, received.text) == ("page", '{"type":"page" }')


@pytest.mark.parametrize(
    "text", ['{ "userId":"\\ud800","n":1.50, "big":123456789012345678901234567890, "n":2 }', "{}", "{ }"]
)
def test_a_single_message_is_kept_as_it_was_written_too(text: str) -> None:
    """But for the type, which it need not have; what is no valid text for a database stays an escape."""
    (received,) = read_single(text.encode(), "track")
    assert received.text.startswith('{"type":"track"')
    assert received.text.endswith(text[1:])
    assert json.loads(received.text) == {"type": "track", **json.loads(text)}


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"{} {}", b'{"type":null}'])
def test_a_single_body_that_is_no_message_is_answered_with_400(body: bytes) -> None:
    """The same holds for the single paths."""
    with pytest.raises(WireError) as raised:
        read_single(body, "track")
    assert raised.value.status == 400


def test_gzip_bodies_are_inflated_member_by_member() -> None:
    """A gzip body may be several members one after the other."""
    assert inflate(gzip.compress(b"ab") + gzip.compress(b"cd"), " GZIP ", 4) == b"abcd"
    assert inflate(b"plain", "identity", 5) == b"plain"


def test_zstd_bodies_are_inflated() -> None:
    """Zstandard is understood where its package is."""
    zstandard = pytest.importorskip("zstandard", reason="the optional package zstandard is not here")
    body = zstandard.ZstdCompressor().compress(b"ab" * 1000)
    assert inflate(body, "zstd", 2000) == b"ab" * 1000
    with pytest.raises(WireError) as raised:
        inflate(b"not zstd", "zstd", 2000)
    assert raised.value.status == 400


@pytest.mark.parametrize("body", [b"", b"not gzip", gzip.compress(b"x" * 100)[:-4], gzip.compress(b"x") + b"!"])
def test_a_body_that_is_no_whole_gzip_is_answered_with_400(body: bytes) -> None:
    """An empty body is no gzip either, but it is the JSON that is found wanting then."""
    with pytest.raises(WireError) as raised:
        read_batch(inflate(body, "gzip", 1000))
    assert raised.value.status == 400


def test_a_bomb_is_found_before_it_goes_off() -> None:
    """A small body that inflates beyond the limit is answered with 413, and no more than the limit is inflated."""
    bomb = gzip.compress(bytes(100_000_000))
    with pytest.raises(WireError) as raised:
        inflate(bomb, "gzip", 1000)
    assert raised.value.status == 413
    assert inflate(gzip.compress(bytes(1000)), "gzip", 1000) == bytes(1000)


def test_a_body_of_many_tiny_members_takes_no_longer_than_its_length() -> None:
    """Sixteen times as many take about sixteen times as long, not 256 times: half a million would take minutes then."""
    member = gzip.compress(b"")

    def seconds(members: int) -> float:
        body = member * members
        began = time.process_time()
        assert inflate(body, "gzip", 1000) == b""
        return time.process_time() - began

    few, many = (min(seconds(members) for _ in range(3)) for members in (10_000, 160_000))
    assert many < 64 * few


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097, 100_000])
def test_gzip_members_of_any_length_are_inflated(size: int) -> None:
    """Wherever one ends and the next begins."""
    plain = random.Random(size).randbytes(size)
    members = gzip.compress(plain) + gzip.compress(b"") + gzip.compress(plain, 0)
    assert inflate(members, "gzip", 2 * size) == plain + plain
    for limit, status in ((2 * size - 1, 413), (2 * size, 400)):
        with pytest.raises(WireError) as raised:
            inflate(members[:-1] if status == 400 else members, "gzip", limit)
        assert raised.value.status == status


def test_an_unknown_encoding_is_answered_with_415() -> None:
    """The answer names what is known."""
    with pytest.raises(WireError, match="'br' is not known; known are identity, gzip") as raised:
        inflate(b"", "br", 1)
    assert raised.value.status == 415


@pytest.mark.parametrize(
    ("header", "user"),
    [
        (None, ""),
        ("", ""),
        ("Basic", ""),
        ("Basic ???", ""),
        ("Bearer abc", ""),
        ("Basic " + base64.b64encode(b":").decode(), ""),
        ("Basic " + base64.b64encode(b"\xff:").decode(), ""),
        ("basic " + base64.b64encode(b"key:").decode(), "key"),
        ("Basic " + base64.b64encode(b"key").decode(), "key"),
        ("Basic " + base64.b64encode("schlüssel:p".encode()).decode(), "schlüssel"),
    ],
)
def test_the_write_key_is_the_user_of_basic_authorization(header: str | None, user: str) -> None:
    """Anything that is not Basic with a user is no key."""
    assert basic_user(header) == user


def test_deep_nesting_in_a_message_is_no_crash() -> None:
    """Nesting beyond what the interpreter can follow is a bad request."""
    body = b'{"batch":[{"type":"track","x":' + b"[" * (sys.getrecursionlimit() * 100)
    with pytest.raises(WireError):
        read_batch(body)
