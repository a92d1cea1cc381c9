"""
The operators of property filters.

Each module has a family of them; the table here has their names.
"""

from __future__ import annotations

import operator

from fastbatch.flags.local.operators.dating import dating
from fastbatch.flags.local.operators.equality import equality
from fastbatch.flags.local.operators.expressions import regex
from fastbatch.flags.local.operators.maker import Maker, UnusableError
from fastbatch.flags.local.operators.ordering import ordering
from fastbatch.flags.local.operators.presence import is_not_set, is_set
from fastbatch.flags.local.operators.versions import comparing, ranging
from fastbatch.flags.local.operators.wording import wording
from fastbatch.flags.local.semver import caret, tilde, wildcard

__all__ = ["NO_MATCH_FOR_NULL", "UnusableError", "operators"]

_SHARED: dict[str, Maker] = {
    "is_set": is_set,
    "is_not_set": is_not_set,
    "icontains": wording(str.__contains__, True),
    "not_icontains": wording(str.__contains__, False),
    "starts_with": wording(str.startswith, True),
    "not_starts_with": wording(str.startswith, False),
    "ends_with": wording(str.endswith, True),
    "not_ends_with": wording(str.endswith, False),
    "regex": regex(True),
    "not_regex": regex(False),
    "gt": ordering(operator.gt),
    "gte": ordering(operator.ge),
    "lt": ordering(operator.lt),
    "lte": ordering(operator.le),
    "is_date_before": dating(operator.lt),
    "is_date_after": dating(operator.gt),
    "semver_eq": comparing(operator.eq),
    "semver_neq": comparing(operator.ne),
    "semver_gt": comparing(operator.gt),
    "semver_gte": comparing(operator.ge),
    "semver_lt": comparing(operator.lt),
    "semver_lte": comparing(operator.le),
    "semver_tilde": ranging(tilde),
    "semver_caret": ranging(caret),
    "semver_wildcard": ranging(wildcard),
}

NO_MATCH_FOR_NULL = frozenset(name for name in _SHARED if name.startswith(("is_date_", "semver_")))
"""These are not met by null, whatever their value, even when it is unusable."""


def operators(version: int) -> dict[str, Maker]:
    """Return the table by one version of the matching rules."""
    return {"exact": equality(True, version), "is_not": equality(False, version), **_SHARED}
