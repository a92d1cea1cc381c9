"""
The one call that is made once an event, `Client.track` with a user, a name and properties: in C where that was built,
else in Python, with one behaviour. Every other call of `track` is left to the method that the client inherits.

Why there are two: docs/design/0001-a-second-binding-for-track.md.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from fastbatch.core import BACKEND, Core

__all__ = ["IS_IN_C", "Quick", "QuickEntry", "push_values", "python_track", "with_quick_track"]

try:
    from fastbatch.core import _track
except ImportError:
    IS_IN_C = False
else:
    IS_IN_C = BACKEND == "native"


class QuickEntry(NamedTuple):
    """
    How a common call is encoded, and where it is pushed to; ``csrc/python/fb_track.c`` knows the order.

    Args:
        dumps: Encodes the values as one JSON array: ``dumps(values, default, options)``.
        default: Its second argument.
        options: Its third argument.
        after_push: Acts on a `Code` other than OK: ``after_push(client, code)`` returns what `track` returns, or None
            to leave the call to the slow method.
        core: The queue, which lives as long as its entry is used.
        push: The core's own.
        handle: The core's entry of a template of three values.
        push_address: Of ``push`` as a C function, 0 in a core in Python.
        handle_address: Of ``handle`` as a C pointer, 0 in a core in Python.
    """

    dumps: Callable[..., bytes]
    default: Callable[[Any], Any]
    options: int
    after_push: Callable[[Any, int], bool | None]
    core: Core
    push: Callable[[Any, bytes], int]
    handle: Any
    push_address: int
    handle_address: int


if TYPE_CHECKING or not IS_IN_C:

    class Quick:
        """What a client inherits so that its `track` can be quick."""

        _track_entry: QuickEntry | None = None
        """None while no call is common, as in a closed client."""

else:
    Quick = _track.Quick

_Client = TypeVar("_Client", bound=type[Quick])


def with_quick_track(client: _Client) -> _Client:
    """Decorate a client's class: its ``track`` becomes the slow method behind a quick one."""
    slowly = client.track  # type: ignore[attr-defined]
    client._track_slowly = slowly  # type: ignore[attr-defined]  # noqa: SLF001 - ours
    client.track = _c_track(client, slowly) if IS_IN_C else python_track(slowly)  # type: ignore[attr-defined]
    return client


def _c_track(client: Any, slowly: Callable[..., bool]) -> Any:
    parameters = list(inspect.signature(slowly).parameters.values())[1:]
    names = ", ".join(f"{parameter.name}={parameter.default!r}" for parameter in parameters)
    # What C functions tell `help` and `inspect` about their parameters.
    return client._new_track(f"track($self, /, {names})\n--\n\n{inspect.getdoc(slowly)}")  # noqa: SLF001 - ours


def python_track(slowly: Callable[..., bool]) -> Callable[..., bool]:
    """Return the quick method in Python, which leaves what is not common to ``slowly``."""

    @functools.wraps(slowly)
    def track(  # noqa: PLR0913, PLR0917 the parameters of `slowly`
        self: Any,
        user_id: Any = None,
        event: Any = None,
        properties: Any = None,
        context: Any = None,
        timestamp: Any = None,
        anonymous_id: Any = None,
        integrations: Any = None,
        message_id: Any = None,
    ) -> bool:
        if (
            type(user_id) is str
            and type(event) is str
            and isinstance(properties, dict)
            and context is None
            and timestamp is None
            and anonymous_id is None
            and integrations is None
            and message_id is None
            and (entry := self._track_entry) is not None
        ):
            answer = push_values(self, entry, (user_id, event, properties))
            if answer is not None:
                return answer
        return slowly(self, user_id, event, properties, context, timestamp, anonymous_id, integrations, message_id)

    return track


def push_values(client: Any, entry: QuickEntry, values: tuple[Any, ...]) -> bool | None:
    """Encode the values and push them; None when the call is left to the slow method."""
    dumps, default, options, after_push, _, push, handle, _, _ = entry
    try:
        data = dumps(values, default, options)
    except TypeError as error:
        cause = error.__cause__
        if cause is not None and not isinstance(cause, Exception):
            raise cause from None  # Ctrl-C while a value's own code ran, which orjson wraps like any other
        return None
    code = push(handle, data)
    return after_push(client, code) if code else True
