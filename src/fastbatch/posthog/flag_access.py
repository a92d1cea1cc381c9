"""What calls about flags need of the client that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastbatch.flags.service import Flags

__all__ = ["FlagAccess"]


class FlagAccess:
    """The flags, and who the current context is about; the class that mixes this in defines what is only declared."""

    _flags: Flags

    if TYPE_CHECKING:

        def _resolve_distinct_id(self, distinct_id: Any) -> str | None: ...

        def _is_quiet(self) -> bool: ...

    def _resolve_device_id(self, device_id: str | None) -> str | None:
        """Return the device that flags are evaluated for; a class that has contexts looks there as well."""
        return device_id

    def _identity(self, distinct_id: Any) -> str | None:
        """Return whose flags are asked for; None when nobody's, or when nothing is to be asked."""
        return None if self._is_quiet() else self._resolve_distinct_id(distinct_id)
