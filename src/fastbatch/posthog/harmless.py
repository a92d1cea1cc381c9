"""What a program calls must not break it: errors are counted and logged, and raised only with ``debug``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

__all__ = ["Forgives", "harmless", "harmless_read", "lenient"]

P = ParamSpec("P")
Result = TypeVar("Result")


class Forgives(Protocol):
    """What knows whether an error is raised."""

    def forgives(self, call: str, error: Exception) -> bool: ...


Self = TypeVar("Self", bound=Forgives)


def harmless(method: Callable[Concatenate[Self, P], Result]) -> Callable[Concatenate[Self, P], Result | None]:
    """Have a method that makes an event return None where it would raise, unless its object says otherwise."""

    @functools.wraps(method)
    def wrapper(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> Result | None:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            if not self.forgives(method.__name__, error):
                raise
            return None

    return wrapper


def harmless_read(
    method: Callable[Concatenate[Any, P], Result], otherwise: Callable[[Any], Result] | None = None
) -> Callable[Concatenate[Any, P], Result | None]:
    """
    Have a method that reads flags not raise, unless its object says otherwise.

    Args:
        method: The method.
        otherwise: Makes what it returns then, out of its object; None makes None.
    """

    @functools.wraps(method)
    def wrapper(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Result | None:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            if not self.forgives_read(method.__name__, error):
                raise
            return None if otherwise is None else otherwise(self)

    return wrapper


def lenient(method: Callable[Concatenate[Any, P], Result]) -> Callable[Concatenate[Any, P], Result]:
    """Have a method leave out arguments that it does not have, as the posthog package's do, and say so."""
    names = frozenset(inspect.signature(method).parameters)

    @functools.wraps(method)
    def wrapper(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        if not kwargs.keys() <= names:
            self.advise_of(method.__name__, kwargs.keys() - names)
            kwargs = {name: value for name, value in kwargs.items() if name in names}  # type: ignore[assignment]
        return method(self, *args, **kwargs)

    return wrapper
