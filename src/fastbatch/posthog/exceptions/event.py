"""The properties of an ``$exception`` event."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastbatch.posthog.contexts import value_of
from fastbatch.posthog.exceptions.entries import Entries
from fastbatch.posthog.exceptions.frames import Frames
from fastbatch.posthog.exceptions.origin import Origin
from fastbatch.posthog.exceptions.patterns import IGNORED, MASKED
from fastbatch.posthog.exceptions.stacks import Caught
from fastbatch.posthog.exceptions.variables import Variables

__all__ = ["Describer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Describer:
    """
    How exceptions are described; the fields are the settings of the same names.

    A context may say otherwise for the events within it.
    """

    project_root: str | None = None
    in_app_modules: Sequence[str] | None = None
    capture_exception_code_variables: bool = False
    code_variables_mask_patterns: Sequence[str] = MASKED
    code_variables_ignore_patterns: Sequence[str] = IGNORED
    code_variables_mask_url_credentials: bool = True
    code_variables_detect_secrets: bool = True

    def properties(self, caught: Caught, origin: Origin) -> dict[str, Any]:
        """Return what the event of an exception says."""
        entries = Entries(Frames(self.project_root, self.in_app_modules), self._variables())
        properties: dict[str, Any] = {
            "$exception_list": entries.list(caught, origin),
            "$exception_level": origin.level,
        }
        if origin.source:
            properties["$exception_source"] = origin.source
        return properties

    def _variables(self) -> Variables | None:
        if not self._chosen("capture_exception_code_variables"):
            return None
        try:
            return Variables(
                self._chosen("code_variables_mask_patterns"),
                self._chosen("code_variables_ignore_patterns"),
                url_credentials=self._chosen("code_variables_mask_url_credentials"),
                secrets=self._chosen("code_variables_detect_secrets"),
            )
        except (re.error, TypeError):
            # A context gave an expression that is none: without it a secret might be shown.
            return None

    def _chosen(self, name: str) -> Any:
        of_context = value_of(name)
        return getattr(self, name) if of_context is None else of_context
