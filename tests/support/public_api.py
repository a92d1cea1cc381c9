"""
The public interface as text: names, signatures, fields and defaults, the tree of exceptions.

``python -m tests.support.public_api`` prints it; ``tests/lint/public_api.txt`` is what was last agreed on.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import logging
from collections.abc import Iterator
from typing import Any

MODULES = ("fastbatch", "fastbatch.dialects", "fastbatch.dialects.base", "fastbatch.testing", "fastbatch.typing")
"""What programs may import from; a name is described where it comes first."""


def describe() -> str:
    """Return the description, a line a fact."""
    lines: list[str] = []
    seen: set[int] = set()
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        lines += ["", f"[{module_name}]"]
        for name in sorted(module.__all__):
            value = getattr(module, name)
            if inspect.isclass(value) and id(value) in seen:
                lines.append(f"{name} (above)")
                continue
            seen.add(id(value))
            lines += _described(name, value)
    return "\n".join(lines).strip() + "\n"


def _described(name: str, value: Any) -> Iterator[str]:
    if inspect.isclass(value):
        yield f"class {name}({', '.join(base.__name__ for base in value.__bases__)})"
        yield from (f"    {line}" for line in _members(value))
    elif inspect.isfunction(value):
        yield f"def {name}{signature_text(value)}"
    else:
        yield name


def _members(kind: type) -> Iterator[str]:
    if issubclass(kind, enum.Enum):
        yield from (f"{member.name} = {member.value!r}" for member in kind)
        return
    yield from _fields(kind)
    if not dataclasses.is_dataclass(kind) and "__init__" in vars(kind) and not getattr(kind, "_is_protocol", False):
        yield f"def __init__{signature_text(kind.__init__)}"
    for name in sorted(dir(kind)):
        owner = next((base for base in kind.__mro__ if name in vars(base)), kind)
        if name.startswith("_") or not owner.__module__.startswith("fastbatch"):
            continue
        member = vars(owner)[name]
        if isinstance(member, property):
            yield f"property {name}"
        elif isinstance(member, (classmethod, staticmethod)):
            yield f"{type(member).__name__} {name}{signature_text(member.__func__)}"
        elif inspect.isfunction(member):
            yield f"def {name}{signature_text(member)}"
        elif inspect.ismethoddescriptor(member):
            # In C, where there are no annotations; those that count stand at the method in Python behind it.
            yield f"def {name}{signature_text(getattr(owner, f'_{name}_slowly'))}"


def _fields(kind: type) -> Iterator[str]:
    if dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            default = "" if field.default is dataclasses.MISSING else f" = {_default_text(field.default)}"
            yield f"{field.name}: {field.type}{default}"
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        defaults = kind._field_defaults
        for name in kind._fields:
            yield name + (f" = {_default_text(defaults[name])}" if name in defaults else "")


def signature_text(function: Any) -> str:
    """Return a signature as it stands in the source, on every version of Python."""
    parts = []
    kinds = inspect.Parameter
    is_star_given = False
    for parameter in inspect.signature(function).parameters.values():
        star = {kinds.VAR_POSITIONAL: "*", kinds.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        if parameter.kind is kinds.KEYWORD_ONLY and not is_star_given:
            parts.append("*")
        is_star_given |= parameter.kind in (kinds.KEYWORD_ONLY, kinds.VAR_POSITIONAL)
        annotation = "" if parameter.annotation is kinds.empty else f": {parameter.annotation}"
        default = "" if parameter.default is kinds.empty else f" = {_default_text(parameter.default)}"
        parts.append(f"{star}{parameter.name}{annotation}{default}")
    returned = inspect.signature(function).return_annotation
    arrow = "" if returned is inspect.Signature.empty else f" -> {returned}"
    return f"({', '.join(parts)}){arrow}"


def _default_text(value: object) -> str:
    if isinstance(value, logging.Logger):
        return f"logging.getLogger({value.name!r})"
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"  # type: ignore[attr-defined]
    return repr(value)


if __name__ == "__main__":
    print(describe(), end="")
