"""What is learned about a flag or a cohort while it is compiled, besides how to evaluate it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastbatch.flags.local.dependencies import Dependency

__all__ = ["Notes", "short"]

_LONGEST_NAME = 80


@dataclass(slots=True)
class Notes:
    """
    Facts of one definition; those of the cohorts that it names are added to its own.

    Args:
        subject: What the definition is of, as problems name it.
        problems: What could not be understood, a line each.
        unsupported: Some filter can only be checked by the server, whatever is known about the subject.
        implicit: Some filter looks at a property that every subject has.
        dependencies: The filters that ask for another flag's value.
    """

    subject: str
    problems: list[str] = field(default_factory=list)
    unsupported: bool = False
    implicit: bool = False
    dependencies: list[Dependency] = field(default_factory=list)

    def problem(self, text: str) -> None:
        """Write down what is not understood, though the flag may well be decided."""
        self.problems.append(f"{self.subject}: {text}")

    def refuse(self, text: str) -> None:
        """Write down what only the server can check."""
        self.problem(text)
        self.unsupported = True

    def add(self, part: Notes) -> None:
        """Take over the facts of a part, whose problems are reported as its own."""
        self.unsupported |= part.unsupported
        self.implicit |= part.implicit
        self.dependencies += part.dependencies


def short(name: object) -> str:
    """Return a name from a definition as one line that is not too long."""
    text = ascii(name) if isinstance(name, (str, int, float, bool, type(None))) else f"of type {type(name).__name__}"
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}..."
