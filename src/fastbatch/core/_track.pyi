# What csrc/python/fb_track.c offers; not there where it was not built. See `fastbatch.core.quick`.

class Quick:
    _track_entry: tuple[object, ...] | None
    @classmethod
    def _new_track(cls, docstring: str) -> object: ...
