"""Flags with the same filters are decided together; that must show in nothing but the time that it takes."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

from hypothesis import given, settings

from fastbatch.flags.local.definitions import compile_definitions
from fastbatch.flags.local.subject import Subject
from tests.support.flag_differences import depends_on, flag, of, where
from tests.support.flag_worlds import World, seeds

SHARES = (0, 30, 70, 100, None)


def with_twins(payload: dict[str, Any], shares: tuple[float | None, ...]) -> dict[str, Any]:
    """Return the definitions with a further flag for each of these shares and each flag, which differs in rollouts."""
    flags = list(payload["flags"])
    for number, share in enumerate(shares):
        for one in payload["flags"]:
            twin = copy.deepcopy(one) | {"key": f"{one['key']}-{number}"}
            for condition in twin["filters"]["groups"] or []:
                condition["rollout_percentage"] = share
            flags.append(twin)
    return {**payload, "flags": flags}


def test_all_flags_are_what_each_is_by_itself():
    """Twins of random flags; each way to be decided often enough."""
    seen: Counter[str] = Counter()

    @settings(max_examples=300, deadline=None)
    @given(seeds)
    def compare(seed):
        world = World(seed)
        compiled = compile_definitions(with_twins(world.definitions(), SHARES))
        for subject in (world.subject(), world.subject(), world.subject()):
            found = compiled.evaluate_all(subject)
            assert found == {key: compiled.evaluate(key, subject) for key in compiled}
            assert list(found) == list(compiled)
            values = compiled.values(subject)
            assert list(values.items()) == [(key, each.value) for key, each in found.items()]
            payloads = {key: each.payload for key, each in found.items() if each.payload is not None}
            assert compiled.payloads(values) == payloads
            seen.update(each.reason for each in found.values())

    compare()
    assert min(seen[reason] for reason in ("condition_match", "no_condition_match", "out_of_rollout_bound")) > 1_000
    assert min(seen[reason] for reason in ("undecided", "requires_server")) > 100


class Watched(str):
    """Text that counts how often it is looked at."""

    looks = 0

    def lower(self) -> str:
        Watched.looks += 1
        return super().lower()


def test_a_filter_is_asked_once_for_all_flags_that_have_it(monkeypatch):
    """Ten flags; conditions after one that all of them meet are not asked at all."""
    monkeypatch.setattr(Watched, "looks", 0)
    plan, country = where("plan", "pro"), where("country", "DE")
    compiled = compile_definitions(
        of(*[flag(f"flag-{number}", [country], {"properties": [plan]}, [plan]) for number in range(10)])
    )
    subject = Subject("u", person_properties={"plan": Watched("PRO"), "country": Watched("NL")})
    assert {each.condition_index for each in compiled.evaluate_all(subject).values()} == {1}
    assert Watched.looks == 2


class Hostile(str):
    """Raises when it is compared."""

    def lower(self) -> str:
        raise RuntimeError


def test_a_property_that_raises_harms_the_flags_that_look_at_it():
    """Those with other filters, or that are decided before, have their values."""
    compiled = compile_definitions(
        of(
            *[flag(f"bad-{number}", [where("t", "x")]) for number in range(3)],
            *[flag(f"good-{number}", [where("plan", "pro")], [where("t", "x")]) for number in range(3)],
        )
    )
    found = compiled.evaluate_all(Subject("u", person_properties={"plan": "pro", "t": Hostile()}))
    assert {key: each.value for key, each in found.items()} == {
        **{f"bad-{number}": None for number in range(3)},
        **{f"good-{number}": True for number in range(3)},
    }
    assert {each.unresolved for key, each in found.items() if key.startswith("bad")} == {"missing_context"}


def test_an_id_that_cannot_be_hashed_harms_no_flag_that_needs_no_hash():
    """One that is on for everybody has its value, also where another flag asks for it."""
    compiled = compile_definitions(of(flag("on", []), flag("off"), flag("it", [depends_on("on")])))
    nobody = Subject("\ud800")
    expected = {"on": True, "off": False, "it": None}
    assert compiled.values(nobody) == expected
    assert {key: compiled.evaluate(key, nobody).value for key in compiled} == expected
    assert compiled.values(nobody, ["it", "on", "gone"]) == {"on": True, "it": None}
