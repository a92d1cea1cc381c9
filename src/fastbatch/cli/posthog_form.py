"""PostHog's events read back as the messages that they were, so that the audit compares like with like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastbatch.cli.workload import VISITOR

__all__ = ["message_form"]


def message_form(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the message that a stored event was made from, of either of PostHog's wires; others as they are."""
    if "type" in event or "distinct_id" not in event:
        return event
    properties = event.get("properties") or {}
    # What the dialect adds has names that begin like this; none of the demo's has.
    own = {name: value for name, value in properties.items() if not name.startswith("$")}
    who = "anonymousId" if str(event["distinct_id"]).startswith(VISITOR) else "userId"
    message = {"type": "track", who: event["distinct_id"]}
    name = event.get("event")
    if name == "$identify":
        # The older wire has it beside the properties, Capture V1 among them.
        traits = event.get("$set", properties.get("$set"))
        return {**message, "type": "identify", "anonymousId": properties.get("$anon_distinct_id"), "traits": traits}
    if name == "$groupidentify":
        group = {"groupId": properties.get("$group_key"), "traits": properties.get("$group_set")}
        return {**message, "type": "group", **group}
    if name == "$pageview":
        page = {field: own.pop(field, None) for field in ("name", "category")}
        return {**message, "type": "page", **page, "properties": own}
    return {**message, "event": name, "properties": own}
