"""The context of a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastbatch.messages.builder import Builder
from fastbatch.messages.context_parts import (
    AppInfo,
    CampaignInfo,
    DeviceInfo,
    LibraryInfo,
    LocationInfo,
    NetworkInfo,
    OSInfo,
    PageInfo,
    ReferrerInfo,
    ScreenInfo,
    without_zeros,
)

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

__all__ = ["Context"]


class Context(Builder):
    """
    The circumstances of a message.

    As in Go, a zero (None, ``""``, ``0``, ``False``, an empty part) is taken for a field that was not given. To send
    one, say it by ``set``, in ``extra`` or in a plain dict in place of a part, which are kept as they are.

    Shape:
        ``Context(ip="1.2.3.4", os=OSInfo(name="iOS"), extra={"cell": 7})`` is
        ``{"cell": 7, "os": {"name": "iOS"}, "ip": "1.2.3.4"}``

    Args:
        extra: Further fields, beside the others; one of the same name as another gives way to it.
    """

    __slots__ = ()

    def __init__(  # noqa: PLR0913 - the fields that the specification has
        self,
        *,
        app: AppInfo | Mapping[str, Any] | None = None,
        campaign: CampaignInfo | Mapping[str, Any] | None = None,
        device: DeviceInfo | Mapping[str, Any] | None = None,
        library: LibraryInfo | Mapping[str, Any] | None = None,
        location: LocationInfo | Mapping[str, Any] | None = None,
        network: NetworkInfo | Mapping[str, Any] | None = None,
        os: OSInfo | Mapping[str, Any] | None = None,
        page: PageInfo | Mapping[str, Any] | None = None,
        referrer: ReferrerInfo | Mapping[str, Any] | None = None,
        screen: ScreenInfo | Mapping[str, Any] | None = None,
        ip: str | IPv4Address | IPv6Address | None = None,
        direct: bool | None = None,
        locale: str | None = None,
        group_id: str | None = None,
        timezone: str | None = None,
        user_agent: str | None = None,
        traits: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(extra or {})
        self.update(
            without_zeros(
                {
                    "app": app,
                    "campaign": campaign,
                    "device": device,
                    "library": library,
                    "location": location,
                    "network": network,
                    "os": os,
                    "page": page,
                    "referrer": referrer,
                    "screen": screen,
                    "ip": ip and str(ip),
                    "direct": direct,
                    "locale": locale,
                    "groupId": group_id,
                    "timezone": timezone,
                    "userAgent": user_agent,
                    "traits": traits,
                }
            )
        )
