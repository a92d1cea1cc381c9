"""
Contexts: what is true of every event captured within a ``with`` block: tags, who it is about, the session.

    with new_context():
        identify_context("user-1")
        tag("plan", "pro")
        posthog.capture("order paid")        # of user-1, with plan among its properties
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from types import TracebackType
from typing import Any, Protocol, TypeVar, cast

from fastbatch.posthog.exceptions.origin import BY_HAND, Origin
from fastbatch.posthog.scope import CURRENT, Scope, leave

__all__ = [
    "get_context_device_id",
    "get_context_distinct_id",
    "get_context_session_id",
    "get_tags",
    "identify_context",
    "new_context",
    "scoped",
    "set_capture_exception_code_variables_context",
    "set_code_variables_detect_secrets_context",
    "set_code_variables_ignore_patterns_context",
    "set_code_variables_mask_patterns_context",
    "set_code_variables_mask_url_credentials_context",
    "set_context_device_id",
    "set_context_session",
    "tag",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Captures(Protocol):
    """What a context reports exceptions to: a `Posthog`."""

    @property
    def enable_exception_autocapture(self) -> bool: ...

    def capture_caught(self, exception: Any, origin: Origin, /) -> str | None: ...


_default: Captures | None = None


def use_default_client(default: Captures) -> None:
    """Have contexts without a client of their own report exceptions to this one."""
    global _default  # noqa: PLW0603 - said once, by the package
    _default = default


def captures_by_default(client: Captures | None) -> bool:
    """Return whether a context of this client, or of the module's own, captures exceptions when it does not say."""
    client = client or _default
    return client is not None and client.enable_exception_autocapture


def report(error: BaseException, client: Captures | None, origin: Origin = BY_HAND) -> None:
    """Capture ``error`` by this client, or by the module's own."""
    client = client or _default
    if client is not None:
        client.capture_caught(error, origin)


class new_context:  # noqa: N801 - programs know it as a function
    """
    Open a context for a ``with`` block, or for each call of a decorated function.

    Args:
        fresh: True to inherit nothing from the context around it.
        capture_exceptions: Whether an exception that leaves the block is captured on its way; None is what the client
            says by ``enable_exception_autocapture``.
        client: The `Posthog` that captures it; None is the module's own.
    """

    def __init__(
        self, fresh: bool = False, capture_exceptions: bool | None = None, client: Captures | None = None
    ) -> None:
        self._arguments = fresh, capture_exceptions, client
        self._scopes: list[Scope] = []

    def __enter__(self) -> None:
        self.enter(Scope(CURRENT.get(), is_fresh=self._arguments[0]))

    def enter(self, scope: Scope) -> None:
        """Make a scope the current one until the block ends."""
        self._scopes.append(scope)
        CURRENT.set(scope)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        scope = self._innermost()
        try:
            _, wanted, client = self._arguments
            if isinstance(error, Exception) and (captures_by_default(client) if wanted is None else wanted):
                report(error, client)
        finally:
            leave(scope)

    def _innermost(self) -> Scope:
        """Return the scope that ends: several tasks may be in blocks of one object, each in a scope of its own."""
        scope = CURRENT.get()
        while scope is not None and scope not in self._scopes:
            scope = scope.outer
        if scope is None:  # entered elsewhere: before a fork, or in another task
            return self._scopes.pop()
        self._scopes.remove(scope)
        return scope

    def __call__(self, function: _Function) -> _Function:
        return scoped(*self._arguments)(function)


def scoped(
    fresh: bool = False, capture_exceptions: bool | None = None, client: Captures | None = None
) -> Callable[[_Function], _Function]:
    """
    Decorate a function, a coroutine function, or a generator function of either kind: each call has its own context.

    A generator is in its context while it runs, and not while its caller does. The arguments are `new_context`'s.
    """

    def decorate(function: _Function) -> _Function:
        return cast("_Function", _scoped(function, functools.partial(new_context, fresh, capture_exceptions, client)))

    return decorate


def _scoped(function: Callable[..., Any], context: Callable[[], new_context]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):
        return _scoped_coroutine(function, context)
    if inspect.isgeneratorfunction(function):
        return _scoped_generator(function, context)
    if inspect.isasyncgenfunction(function):
        return _scoped_async_generator(function, context)

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with context():
            return function(*args, **kwargs)

    return wrapper


def _scoped_coroutine(function: Callable[..., Any], context: Callable[[], new_context]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        with context():
            return await function(*args, **kwargs)

    return wrapper


class _Steps:
    """A context that is entered for each step of a generator, and keeps what was said in it from step to step."""

    def __init__(self, context: new_context) -> None:
        self._context = context
        self._said = Scope(None, is_fresh=True)

    def __enter__(self) -> None:
        self._context.__enter__()
        scope = CURRENT.get()
        if scope is not None:
            scope.tags, scope.values = self._said.tags, self._said.values

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, (StopIteration, StopAsyncIteration)):
            kind = error = traceback = None
        self._context.__exit__(kind, error, traceback)


def _scoped_generator(function: Callable[..., Any], context: Callable[[], new_context]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        inner, steps = function(*args, **kwargs), _Steps(context())
        step: Callable[[], Any] = functools.partial(inner.send, None)
        try:
            while True:
                try:
                    with steps:
                        item = step()
                except StopIteration as stop:
                    return stop.value
                try:
                    step = functools.partial(inner.send, (yield item))
                except GeneratorExit:
                    raise
                except BaseException as error:  # noqa: BLE001 - the generator's to handle
                    step = functools.partial(inner.throw, error)
        finally:
            with steps:
                inner.close()

    return wrapper


def _scoped_async_generator(function: Callable[..., Any], context: Callable[[], new_context]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        inner, steps = function(*args, **kwargs), _Steps(context())
        step: Callable[[], Any] = functools.partial(inner.asend, None)
        try:
            while True:
                try:
                    with steps:
                        item = await step()
                except StopAsyncIteration:
                    return
                try:
                    step = functools.partial(inner.asend, (yield item))
                except GeneratorExit:
                    raise
                except BaseException as error:  # noqa: BLE001 - the generator's to handle
                    step = functools.partial(inner.athrow, error)
        finally:
            with steps:
                await inner.aclose()

    return wrapper


# What a program says of the current context. Outside any context these do nothing, and return nothing.


def tag(name: str, value: Any) -> None:
    """Give every event of the current context, and of those within it, a property."""
    scope = CURRENT.get()
    if scope is not None:
        scope.tags[name] = value


def get_tags() -> dict[str, Any]:
    """Return the tags of the current context, inherited ones included, as a dict of the caller's own."""
    scope = CURRENT.get()
    return {} if scope is None else scope.all_tags()


def put(name: str, value: Any) -> None:
    """Set a value of the current context."""
    scope = CURRENT.get()
    if scope is not None:
        scope.values[name] = value


def value_of(name: str) -> Any:
    """Return a value of the current context or, where it has none, of the nearest that it inherits from."""
    scope = CURRENT.get()
    return None if scope is None else scope.get(name)


def identify_context(distinct_id: str) -> None:
    """Say who the events are about that name nobody."""
    put("distinct_id", distinct_id)


def set_context_session(session_id: str) -> None:
    """Say which session the events belong to: their ``$session_id``."""
    put("session_id", session_id)


def set_context_device_id(device_id: str) -> None:
    """Say which device feature flags are evaluated for."""
    put("device_id", device_id)


def get_context_distinct_id() -> str | None:
    """Return who the current context is about."""
    distinct_id: str | None = value_of("distinct_id")
    return distinct_id


def get_context_session_id() -> str | None:
    """Return the session of the current context."""
    session_id: str | None = value_of("session_id")
    return session_id


def get_context_device_id() -> str | None:
    """Return the device of the current context."""
    device_id: str | None = value_of("device_id")
    return device_id


def set_capture_exception_code_variables_context(enabled: bool) -> None:
    """Say whether captured exceptions show the variables of their frames."""
    put("capture_exception_code_variables", enabled)


def set_code_variables_mask_patterns_context(mask_patterns: Sequence[str]) -> None:
    """Say which variables are shown masked."""
    put("code_variables_mask_patterns", mask_patterns)


def set_code_variables_ignore_patterns_context(ignore_patterns: Sequence[str]) -> None:
    """Say which variables are not shown at all."""
    put("code_variables_ignore_patterns", ignore_patterns)


def set_code_variables_mask_url_credentials_context(enabled: bool) -> None:
    """Say whether passwords within URLs are masked."""
    put("code_variables_mask_url_credentials", enabled)


def set_code_variables_detect_secrets_context(enabled: bool) -> None:
    """Say whether values that look like a secret are masked whatever their name."""
    put("code_variables_detect_secrets", enabled)
