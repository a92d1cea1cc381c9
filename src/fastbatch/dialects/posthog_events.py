"""From a message to an event of PostHog's: its name, who it is about, and where each field goes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from fastbatch.dialects.posthog_system import LIBRARY_PROPERTIES, release_properties, system_properties
from fastbatch.errors import FieldError

__all__ = ["DEFAULT_GROUP_TYPE", "Events", "event_id"]

Event: TypeAlias = "dict[str, Any]"

DEFAULT_GROUP_TYPE = "segment_group"
"""Type of the groups of Segment's `Group`, which names none: what PostHog's own Segment destination calls them."""

_ID_SPACE = uuid.UUID("5f1d0c52-6f0e-5d0b-9d7e-0d2b1a2f9b3c")
"""Of ids made from message ids that are no UUIDs."""

_CONTEXT_PROPERTIES = {
    ("ip",): "$ip",
    ("locale",): "$locale",
    ("timezone",): "$timezone",
    ("userAgent",): "$raw_user_agent",
    ("page", "url"): "$current_url",
    ("page", "path"): "$pathname",
    ("page", "referrer"): "$referrer",
    ("screen", "width"): "$screen_width",
    ("screen", "height"): "$screen_height",
    ("campaign", "name"): "utm_campaign",
    ("campaign", "source"): "utm_source",
    ("campaign", "medium"): "utm_medium",
    ("campaign", "term"): "utm_term",
    ("campaign", "content"): "utm_content",
}
"""Where PostHog keeps what stands in the context of Segment's messages; it has no place for the rest."""


class Events:
    """
    Makes events, each with the properties that are the same in all of a client's.

    Args:
        disable_geoip: Whether the server must not look up where an event came from, unless the message says otherwise.
        super_properties: Part of every event; they win over the event's own.
        is_server: Whether events say that they come from a server.
    """

    def __init__(self, *, disable_geoip: bool, super_properties: Mapping[str, Any], is_server: bool) -> None:
        self._disable_geoip = disable_geoip
        self._super_properties = super_properties
        self._is_server = is_server
        self._defaults = release_properties()
        self._constants = {names_system: self._made(names_system, disable_geoip) for names_system in (False, True)}

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Properties of every event that has none of that name."""
        return self._defaults

    @property
    def constants(self) -> Mapping[str, Any]:
        """Properties of every captured event, whatever it says itself."""
        return self._constants[True]

    def of(self, kind: str, fields: dict[str, Any], context: Mapping[str, Any]) -> Event:
        """
        Return the event that a message is, without the id and the time that it was not given.

        Args:
            kind: `Message.kind`.
            fields: `Message.fields`.
            context: The client's default context.

        Raises:
            FieldError: For a kind that has no event.
        """
        build = _BUILDERS.get(kind)
        if build is None:
            raise FieldError(kind.title().replace("_", ""), "kind", kind, "one of " + ", ".join(map(repr, _BUILDERS)))
        event: Event = {}
        if "messageId" in fields:
            event["uuid"] = event_id(fields["messageId"])
        if "timestamp" in fields:
            event["timestamp"] = fields["timestamp"]
        event.update(build(fields, {**context, **fields.get("context", {})}))
        names_system = kind in ("capture", "track") and fields.get("system", not _is_about_person(event))
        event["properties"] = self._complete(event["properties"], fields, names_system)
        return event

    def _complete(self, given: Mapping[str, Any], fields: dict[str, Any], names_system: bool) -> dict[str, Any]:
        disable_geoip = fields.get("disableGeoip", self._disable_geoip)
        constants = self._constants[names_system]
        if disable_geoip != self._disable_geoip:
            constants = self._made(names_system, disable_geoip)
        properties = {**self._defaults, **given, **constants}
        keep = fields.get("keep")
        return properties if keep is None else {name: properties[name] for name in properties if name in keep}

    def _made(self, names_system: bool, disable_geoip: bool) -> dict[str, Any]:
        """Return the constant properties, in PostHog's order: what comes later wins."""
        return {
            **(system_properties() if names_system else {}),
            **LIBRARY_PROPERTIES,
            **({"$geoip_disable": True} if disable_geoip else {}),
            **self._super_properties,
            **({"$is_server": True} if self._is_server else {}),
        }


def event_id(message_id: object) -> str:
    """Return a message id as a UUID, which is all that PostHog takes; the same id always gives the same UUID."""
    text = str(message_id)
    try:
        return str(uuid.UUID(text))
    except ValueError:
        return str(uuid.uuid5(_ID_SPACE, text))


def _is_about_person(event: Event) -> bool:
    """Return whether an event does nothing but set properties of a person, as PostHog's ``set`` and ``set_once`` do."""
    return event["event"] in ("$set", "$set_once") and event["event"] in event


def _who(fields: dict[str, Any]) -> str:
    who: str = fields.get("userId") or fields["anonymousId"]
    return who


def _capture(fields: dict[str, Any], _: Mapping[str, Any]) -> Event:
    properties = fields.get("properties", {})
    if fields.get("groups"):
        properties = {**properties, "$groups": fields["groups"]}
    event = {"event": fields["event"], "distinct_id": fields["userId"], "properties": properties}
    for name, key in (("set", "$set"), ("setOnce", "$set_once")):
        if fields.get(name):
            event[key] = fields[name]
    return event


def _group_identify(fields: dict[str, Any], _: Mapping[str, Any]) -> Event:
    kind, key = fields.get("groupType", DEFAULT_GROUP_TYPE), fields["groupId"]
    return {
        "event": "$groupidentify",
        "distinct_id": fields.get("userId") or fields.get("anonymousId") or f"${kind}_{key}",
        "properties": {"$group_type": kind, "$group_key": key, "$group_set": fields.get("traits", {})},
    }


def _identify(fields: dict[str, Any], context: Mapping[str, Any]) -> Event:
    properties = _context_properties(context)
    if "userId" in fields and "anonymousId" in fields:
        properties["$anon_distinct_id"] = fields["anonymousId"]
    return {
        "event": "$identify",
        "distinct_id": _who(fields),
        "properties": properties,
        "$set": fields.get("traits", {}),
    }


def _alias(fields: dict[str, Any], _: Mapping[str, Any]) -> Event:
    return {
        "event": "$create_alias",
        "distinct_id": fields["previousId"],
        "properties": {"distinct_id": fields["previousId"], "alias": fields["userId"]},
    }


def _track(fields: dict[str, Any], context: Mapping[str, Any]) -> Event:
    return _seen(fields["event"], fields, context, {})


def _page(fields: dict[str, Any], context: Mapping[str, Any]) -> Event:
    given: dict[str, Any] = {name: fields[name] for name in ("name", "category") if name in fields}
    if "url" in fields.get("properties", {}):
        given["$current_url"] = fields["properties"]["url"]
    return _seen("$pageview", fields, context, given)


def _screen(fields: dict[str, Any], context: Mapping[str, Any]) -> Event:
    given = {"category": fields["category"]} if "category" in fields else {}
    if "name" in fields:
        given["$screen_name"] = fields["name"]
    return _seen("$screen", fields, context, given)


def _seen(name: str, fields: dict[str, Any], context: Mapping[str, Any], given: Mapping[str, Any]) -> Event:
    """Return an event of somebody who may be a stranger: PostHog then makes no person of them."""
    stranger = {} if "userId" in fields else {"$process_person_profile": False}
    properties = {**_context_properties(context), **stranger, **given, **fields.get("properties", {})}
    return {"event": name, "distinct_id": _who(fields), "properties": properties}


def _context_properties(context: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    if not context:
        return properties
    for path, name in _CONTEXT_PROPERTIES.items():
        value: Any = context
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        if value is not None:
            properties[name] = value
    if context.get("groupId"):
        properties["$groups"] = {DEFAULT_GROUP_TYPE: context["groupId"]}
    return properties


_BUILDERS: dict[str, Callable[[dict[str, Any], Mapping[str, Any]], Event]] = {
    "capture": _capture,
    "group_identify": _group_identify,
    "track": _track,
    "identify": _identify,
    "alias": _alias,
    "group": _group_identify,
    "page": _page,
    "screen": _screen,
}
