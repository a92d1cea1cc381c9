"""Feature flags: one flag of each kind, all of a large project, and compiling its definitions."""

from __future__ import annotations

import json
from typing import Any

import pytest

import flag_workload
from fastbatch.flags.local.definitions import compile_definitions
from fastbatch.flags.local.subject import Subject

MANY = flag_workload.definitions(10_000)
KINDS = compile_definitions(flag_workload.definitions(8))
ONE = {title: compile_definitions(payload) for title, payload in flag_workload.ONE.items()}
SUBJECT = Subject("user-7", person_properties=flag_workload.PERSON)


@pytest.mark.parametrize("title", ONE)
def test_one_flag(benchmark: Any, title: str) -> None:
    """With its subject, as a program has it at hand."""
    (key,) = compiled = ONE[title]

    def run() -> Any:
        return compiled.evaluate(key, Subject("user-7", person_properties=flag_workload.PERSON))

    assert benchmark(run).unresolved == ""


@pytest.mark.parametrize("key", KINDS)
def test_kind(benchmark: Any, key: str) -> None:
    """Each kind of flag of the large project; the subject is there already."""
    assert benchmark(KINDS.evaluate, key, SUBJECT).unresolved == ""


def test_all_of_10_000_flags(benchmark: Any) -> None:
    """For one person."""
    compiled = compile_definitions(MANY)
    assert len(benchmark(compiled.evaluate_all, SUBJECT)) == 10_000


def test_compile_10_000_flags(benchmark: Any) -> None:
    """As often as the server has new definitions."""
    compiled = benchmark(compile_definitions, MANY)
    benchmark.extra_info["bytes"] = len(json.dumps(MANY))
    assert compiled.problems == ()
