"""zstd, whichever library there is: what one packs the others read, to the end, and a bomb does not go off."""

from __future__ import annotations

import importlib
import io
import sys
import tracemalloc

import pytest

from fastbatch import Client
from fastbatch.cli.sources import Source, SourceError
from fastbatch.collector import bodies
from fastbatch.collector.bodies import WireError, inflate
from fastbatch.dialects import Segment
from fastbatch.testing import CapturingTransport
from fastbatch.zstd import Zstd, zstd

LIBRARIES = ["compression.zstd", "backports.zstd", "zstandard"]
TEXT = b"".join(b"line %d\n" % number for number in range(20_000))


def is_here(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


@pytest.fixture(params=list(filter(is_here, LIBRARIES)))
def library(request, monkeypatch) -> Zstd:
    """One of the libraries, the only one that can be imported."""
    for name in set(LIBRARIES) - {request.param}:
        monkeypatch.setitem(sys.modules, name, None)
    found = zstd()
    assert found is not None
    assert found.name == request.param
    return found


@pytest.fixture
def of_library(library, monkeypatch) -> Zstd:
    """The same, and the collector, which has chosen when it was imported, uses it too."""
    monkeypatch.setitem(bodies._INFLATERS, "zstd", bodies._inflater_of_zstd(library))
    return library


def packed(library: Zstd, data: bytes) -> bytes:
    return library.compressor(3)(data)


def test_what_is_packed_is_read_frame_after_frame(library):
    """A file may be several, one after the other; lines go on across their borders."""
    pack = library.compressor(1)
    body = pack(TEXT[:1000]) + pack(b"") + pack(memoryview(TEXT)[1000:])
    with library.reader(io.BytesIO(body)) as reader:
        assert reader.readline() == b"line 0\n"
        assert reader.read() == TEXT[7:]


@pytest.mark.parametrize("cut", [1, 4, 1000])
def test_a_frame_that_is_cut_short_is_no_end(library, cut):
    """What is missing is said, and not taken for what there was."""
    body = packed(library, TEXT) + packed(library, TEXT)
    with library.reader(io.BytesIO(body[:-cut])) as reader, pytest.raises(EOFError):
        reader.read()


@pytest.mark.parametrize("body", [b"no zstd at all", b"\x28\xb5\x2f\xfd" + b"\xff" * 40])
def test_what_is_no_zstd_is_an_error_of_the_librarys(library, body):
    """Which is known by its name."""
    with library.reader(io.BytesIO(body)) as reader, pytest.raises(library.errors):
        reader.read()


def test_a_bomb_is_not_inflated_beyond_what_is_asked_for(library):
    """A gigabyte of zeros in 32 KB, of which a few bytes are wanted."""
    bomb = packed(library, bytes(2**24)) * 64
    tracemalloc.start()
    try:
        with library.reader(io.BytesIO(bomb)) as reader:
            assert reader.read(1001) == bytes(1001)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**25


def test_the_collector_reads_it_and_answers_what_is_wrong_with_400(of_library):
    """By the same library as all others."""
    body = packed(of_library, TEXT)
    assert inflate(body, "zstd", len(TEXT)) == TEXT
    for wrong, said in ((body[:-4], "cut short"), (b"not zstd", "is not zstd")):
        with pytest.raises(WireError, match=said) as raised:
            inflate(wrong, "zstd", len(TEXT))
        assert raised.value.status == 400
    with pytest.raises(WireError) as raised:
        inflate(body, "zstd", len(TEXT) - 1)
    assert raised.value.status == 413


def test_send_reads_files_by_it_and_says_where_one_is_cut_short(library, tmp_path):
    """A file that a full disk has cut must not pass for a whole one."""
    whole, cut, wrong = (tmp_path / name for name in ("whole", "cut", "wrong"))
    whole.write_bytes(packed(library, TEXT))
    cut.write_bytes(whole.read_bytes()[:-8])
    wrong.write_bytes(b"\x28\xb5\x2f\xfd" + b"\xff" * 40)
    with Source(str(whole)) as source:
        assert b"".join(source.lines()) == TEXT
    for path in (cut, wrong):
        with Source(str(path)) as source, pytest.raises(SourceError, match=rf"{path.name}:\d+: cannot be read further"):
            list(source.lines())


class Packed(Segment):
    """A vendor whose servers take zstd."""

    compressions = frozenset({"zstd"})


def test_a_capturing_transport_reads_what_a_client_packs(library):
    """A dialect of one's own may take zstd, and its tests want to see the messages."""
    transport = CapturingTransport()
    with Client("WK", dialect=Packed(), compression="zstd", transport=transport) as client:
        client.track("u", "e", {})
    assert [message["event"] for message in transport.messages] == ["e"]
    assert client.stats().delivered == 1
    assert transport.requests[0].headers["Content-Encoding"] == "zstd"


def test_without_a_library_a_file_says_what_to_install(monkeypatch, tmp_path):
    """Rather than that it holds no messages."""
    for name in LIBRARIES:
        monkeypatch.setitem(sys.modules, name, None)
    assert zstd() is None
    path = tmp_path / "file.zst"
    path.write_bytes(b"\x28\xb5\x2f\xfd")
    with Source(str(path)) as source, pytest.raises(SourceError, match=r"pip install backports\.zstd"):
        list(source.lines())
