"""The arguments of calls about flags: wrong ones are an error of the program, and the only thing it hears of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastbatch.errors import FieldError
from fastbatch.flags.runtime import FeatureFlagEvaluationRuntime

__all__ = ["check_key", "check_keys", "check_properties", "check_runtime"]

_KIND = "FeatureFlag"


def check_key(key: object) -> None:
    """
    Check the key of a flag.

    Raises:
        FieldError: Unless it is text that is not empty.
    """
    if not isinstance(key, str) or not key:
        raise FieldError(_KIND, "key", key, "text that is not empty")


def check_keys(keys: object) -> tuple[str, ...]:
    """
    Return the keys of flags as a tuple, empty for None.

    Raises:
        FieldError: Unless they are a list, or the like, of texts.
    """
    if keys is None:
        return ()
    if not isinstance(keys, (list, tuple, set, frozenset)) or not all(isinstance(key, str) for key in keys):
        raise FieldError(_KIND, "flag_keys", keys, "a list of texts")
    return tuple(keys)


def check_runtime(runtime: object) -> FeatureFlagEvaluationRuntime:
    """
    Return a runtime that may be given as its word.

    Raises:
        FieldError: For anything else.
    """
    try:
        return FeatureFlagEvaluationRuntime(runtime)
    except ValueError:
        allowed = f"one of {', '.join(each.value for each in FeatureFlagEvaluationRuntime)}"
        raise FieldError(_KIND, "evaluation_runtime", runtime, allowed) from None


def check_properties(groups: object, person_properties: object, group_properties: object) -> None:
    """
    Check what is known of a user.

    Raises:
        FieldError: Unless each is a mapping or None, and of groups a mapping of mappings.
    """
    for name, value in (
        ("groups", groups),
        ("person_properties", person_properties),
        ("group_properties", group_properties),
    ):
        if value is not None and not isinstance(value, Mapping):
            # Only its type is shown: the value may be a person's.
            raise FieldError(_KIND, name, type(value), "a mapping, or None")
    kinds: Mapping[Any, Any] = group_properties if isinstance(group_properties, Mapping) else {}
    for kind, properties in kinds.items():
        if properties is not None and not isinstance(properties, Mapping):
            raise FieldError(_KIND, f"group_properties.{kind}", type(properties), "a mapping, or None")
