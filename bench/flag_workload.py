"""The definitions and the person of the flag benchmarks."""

from __future__ import annotations

from typing import Any

__all__ = ["MANY", "ONE", "PERSON", "TYPICAL", "client", "definitions", "peer"]

PERSON = {
    "plan": "pro",
    "country": "NL",
    "email": "someone@example.com",
    "age": 34,
    "version": "3.14.1",
    "signed_up": "2026-03-01T10:00:00Z",
    "beta": True,
}


def _filter(key: str, value: Any, operator: str = "exact") -> dict[str, Any]:
    return {"key": key, "value": value, "operator": operator, "type": "person"}


def _flag(key: str, *conditions: dict[str, Any], **rules: Any) -> dict[str, Any]:
    return {"id": 1, "key": key, "active": True, "version": 2, "filters": {"groups": list(conditions), **rules}}


def _condition(*filters: dict[str, Any], rollout: float | None = None) -> dict[str, Any]:
    return {"properties": list(filters), "rollout_percentage": rollout}


_VARIANTS = {"variants": [{"key": name, "rollout_percentage": 25} for name in ("a", "b", "c", "d")]}

_CHECKOUT = _flag(
    "checkout",
    _condition(_filter("plan", ["enterprise", "team"]), _filter("country", "DE")),
    _condition(_filter("email", "@example.com", "icontains"), _filter("age", "40", "gt")),
    _condition(_filter("plan", "pro"), _filter("country", ["NL", "BE"]), rollout=100),
)

ONE = {
    "one flag, 3 conditions of 2 properties": {"flags": [_CHECKOUT]},
    "one flag, a rollout of 40 percent": {"flags": [_flag("rollout", _condition(rollout=40))]},
}
"""Of the first flag's conditions two are not met, the third one is."""


def definitions(count: int) -> dict[str, Any]:
    """Return flags of eight kinds in turn; some filters are the same in many flags, as in a large project."""
    kinds = (
        lambda key, _: _flag(key, _condition(rollout=100)),
        lambda key, _: _flag(key, _condition(rollout=40)),
        lambda key, _: _flag(key, _condition(_filter("plan", "pro"), rollout=50)),
        lambda key, n: _flag(
            key, _condition(_filter("email", f"@example{n}.com", "icontains")), multivariate=_VARIANTS
        ),
        lambda key, n: _flag(key, _condition(_filter("age", n, "gte"), _filter("country", ["NL", "DE"]), rollout=80)),
        lambda key, n: _flag(key, _condition(_filter("version", f"3.{n}", "semver_gte")), _condition(rollout=10)),
        lambda key, n: _flag(key, _condition(_filter("signed_up", f"-{n}d", "is_date_after"))),
        lambda key, n: _flag(key, _condition(_filter("email", rf"^[a-z]+@example{n}?\.com$", "regex"))),
    )
    return {"flags": [kinds[number % len(kinds)](f"flag-{number}", number % 100) for number in range(count)]}


def _rollouts(count: int) -> dict[str, Any]:
    return {"flags": [_flag(f"flag-{number}", _condition(rollout=number % 100)) for number in range(count)]}


MANY = {
    "10 000 flags of eight kinds, one person": definitions(10_000),
    "10 000 flags of a rollout alone, one person": _rollouts(10_000),
}

TYPICAL = frozenset({next(iter(ONE)), next(iter(MANY))})
"""The others have nothing to evaluate but a hash, and show what is left then: a call, and SHA-1."""


def peer(payload: dict[str, Any]) -> Any:
    """Return the package's client with the definitions, as its poller would leave it."""
    import posthog

    client = posthog.Client("phc_bench", sync_mode=True, send=False, enable_local_evaluation=False)
    client._update_flag_state({"flags": payload["flags"], "group_type_mapping": {}, "cohorts": {}})
    return client


def client(payload: dict[str, Any]) -> Any:
    """Return our client with the definitions, as one that shares them with other processes gets them."""
    from fastbatch.posthog import Posthog

    return Posthog(
        "phc_bench", personal_api_key="phx_bench", flag_definition_cache_provider=_Store(payload), send=False
    )


class _Store:
    """Has the definitions."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self._payload = payload

    def should_fetch_flag_definitions(self) -> bool:
        return False

    def get_flag_definitions(self) -> dict[str, Any]:
        return self._payload

    def on_flag_definitions_received(self, data: dict[str, Any]) -> None:
        raise AssertionError(f"nobody asks the server, and yet it sent {len(data['flags'])} flags")

    def shutdown(self) -> None:
        pass
