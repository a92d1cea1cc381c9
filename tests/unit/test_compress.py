"""Compression: what comes out can be unpacked by the standard tools, whatever happens to be installed."""

from __future__ import annotations

import gzip
import io
import sys
import sysconfig
import threading
import types
import zlib

import pytest

from fastbatch.errors import ConfigError
from fastbatch.pipeline.compress import compressor
from tests.support.wire import decoded

BODY = b'{"batch":[' + b",".join(b'{"type":"track","userId":"user-%d"}' % n for n in range(2000)) + b"]}"


@pytest.fixture
def without(monkeypatch):
    """Make imports of the named modules fail, as if they were not installed."""

    def hide(*names: str) -> None:
        for name in names:
            monkeypatch.setitem(sys.modules, name, None)

    return hide


@pytest.mark.parametrize("level", [None, 0, 1, 2, 3, 4, 6, 9])
@pytest.mark.parametrize("body", [b"", b"x", BODY], ids=["empty", "one byte", "batch"])
def test_gzip_of_every_level_unpacks_to_the_body(level, body):
    """The server unpacks with its own gzip, so the standard library's must agree."""
    assert gzip.decompress(compressor("gzip", level)(body)) == body


@pytest.mark.parametrize("level", [None, 1, 3, 22])
def test_zstd_of_every_level_unpacks_to_the_body(level):
    """A zstd frame is read by whichever library there is."""
    pytest.importorskip("zstandard")
    assert decoded(compressor("zstd", level)(BODY), "zstd") == BODY


@pytest.mark.parametrize("name", ["gzip", "zstd", "none"])
def test_a_memoryview_gives_the_same_bytes_as_its_bytes(name):
    """The core hands out views of its own memory, which must not leak into what is sent."""
    compress = compressor(name)
    packed = compress(memoryview(BODY))
    assert type(packed) is bytes
    assert packed == compress(BODY)


@pytest.mark.parametrize("hidden", [(), ("isal", "isal.isal_zlib")], ids=["isal", "zlib"])
def test_gzip_holds_no_time_so_that_its_bytes_never_vary(without, hidden):
    """A retry sends the same bytes, and golden files can be compared."""
    without(*hidden)
    packed = compressor("gzip")(BODY)
    assert packed[4:8] == bytes(4)
    assert packed == compressor("gzip")(BODY)


def test_gzip_works_without_isal(without):
    """isal is optional; zlib takes its place."""
    without("isal", "isal.isal_zlib")
    compress = compressor("gzip")
    assert (compress.encoding, compress.library) == ("gzip", "zlib")
    assert gzip.decompress(compress(BODY)) == BODY


def test_isal_is_preferred_at_the_levels_it_has():
    """It is seven times as fast as zlib; above level 3 only zlib can do what was asked for."""
    pytest.importorskip("isal")
    assert compressor("gzip").library == "isal"
    assert compressor("gzip", 3).library == "isal"
    assert compressor("gzip", 6).library == "zlib"
    assert zlib.decompress(compressor("gzip", 6)(BODY), 31) == BODY


def test_extensions_are_left_alone_on_a_free_threaded_build(monkeypatch):
    """Importing one that does not know about free threading would turn the GIL on for the whole program."""
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: 1 if name == "Py_GIL_DISABLED" else None)
    assert compressor("gzip").library == "zlib"


def test_the_standard_librarys_zstd_comes_first(monkeypatch):
    """From Python 3.14 on nothing needs to be installed."""
    module = types.ModuleType("compression.zstd")
    vars(module).update(compress=lambda body, level: b"level %d" % level, ZstdFile=io.BytesIO, ZstdError=ValueError)
    monkeypatch.setitem(sys.modules, "compression", types.ModuleType("compression"))
    monkeypatch.setitem(sys.modules, "compression.zstd", module)
    compress = compressor("zstd", 7)
    assert (compress.encoding, compress.library) == ("zstd", "compression.zstd")
    assert compress(BODY) == b"level 7"


def test_zstd_without_any_library_says_what_to_install(without):
    """A missing optional library is a setting that is not allowed, not an ImportError at the first batch."""
    without("compression.zstd", "backports.zstd", "zstandard")
    with pytest.raises(ConfigError, match=r"backports\.zstd") as caught:
        compressor("zstd")
    assert caught.value.field == "compression"


@pytest.mark.parametrize(
    ("name", "level"), [("gzip", -1), ("gzip", 10), ("gzip", True), ("zstd", 0), ("zstd", 23), ("zstd", 1.5)]
)
def test_a_level_that_the_format_does_not_have_is_refused(name, level):
    """The error names the setting and what is allowed."""
    with pytest.raises(ConfigError) as caught:
        compressor(name, level)
    assert (caught.value.field, caught.value.value) == ("compression_level", level)


def test_an_unknown_compression_is_refused():
    """The names are those of the setting."""
    with pytest.raises(ConfigError, match="'brotli' is not allowed"):
        compressor("brotli")


def test_none_sends_the_body_as_it_is():
    """Without compression there is no Content-Encoding either."""
    compress = compressor("none", 5)
    assert (compress.encoding, compress.library) == (None, None)
    assert compress(BODY) == BODY


def test_threads_may_share_a_zstd_compressor():
    """The objects of the package zstandard must not be shared, and senders are several."""
    pytest.importorskip("zstandard")
    compress = compressor("zstd")
    bodies = [BODY[n:] for n in range(8)]
    unpacked: dict[int, bool] = {}
    barrier = threading.Barrier(len(bodies), timeout=10)

    def work(number: int) -> None:
        barrier.wait()
        unpacked[number] = all(decoded(compress(bodies[number]), "zstd") == bodies[number] for _ in range(20))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert unpacked == dict.fromkeys(range(len(bodies)), True)
