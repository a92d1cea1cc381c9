"""The parts that a context is made of."""

# ruff: noqa: A002, PLR0913 - the fields that the specification has, under its names

from __future__ import annotations

from typing import Any

from fastbatch.messages.builder import Builder

__all__ = [
    "AppInfo",
    "CampaignInfo",
    "DeviceInfo",
    "LibraryInfo",
    "LocationInfo",
    "NetworkInfo",
    "OSInfo",
    "PageInfo",
    "ReferrerInfo",
    "ScreenInfo",
    "without_zeros",
]


def without_zeros(fields: dict[str, Any]) -> dict[str, Any]:
    # As Go's omitempty: a zero is what was not given.
    return {name: value for name, value in fields.items() if value}


class AppInfo(Builder):
    """The application."""

    __slots__ = ()

    def __init__(
        self,
        *,
        name: str | None = None,
        version: str | None = None,
        build: str | None = None,
        namespace: str | None = None,
    ) -> None:
        super().__init__(without_zeros({"name": name, "version": version, "build": build, "namespace": namespace}))


class CampaignInfo(Builder):
    """The campaign that brought the user."""

    __slots__ = ()

    def __init__(
        self,
        *,
        name: str | None = None,
        source: str | None = None,
        medium: str | None = None,
        term: str | None = None,
        content: str | None = None,
    ) -> None:
        super().__init__(
            without_zeros({"name": name, "source": source, "medium": medium, "term": term, "content": content})
        )


class DeviceInfo(Builder):
    """The device."""

    __slots__ = ()

    def __init__(
        self,
        *,
        id: str | None = None,
        manufacturer: str | None = None,
        model: str | None = None,
        name: str | None = None,
        type: str | None = None,
        version: str | None = None,
        advertising_id: str | None = None,
    ) -> None:
        super().__init__(
            without_zeros(
                {
                    "id": id,
                    "manufacturer": manufacturer,
                    "model": model,
                    "name": name,
                    "type": type,
                    "version": version,
                    "advertisingId": advertising_id,
                }
            )
        )


class LibraryInfo(Builder):
    """The library that made the message; a dialect's own is written where this is not given."""

    __slots__ = ()

    def __init__(self, *, name: str | None = None, version: str | None = None) -> None:
        super().__init__(without_zeros({"name": name, "version": version}))


class LocationInfo(Builder):
    """Where the user is."""

    __slots__ = ()

    def __init__(
        self,
        *,
        city: str | None = None,
        country: str | None = None,
        region: str | None = None,
        latitude: float | None = None,
        longitude: float | None = None,
        speed: float | None = None,
    ) -> None:
        super().__init__(
            without_zeros(
                {
                    "city": city,
                    "country": country,
                    "region": region,
                    "latitude": latitude,
                    "longitude": longitude,
                    "speed": speed,
                }
            )
        )


class NetworkInfo(Builder):
    """How the device is connected."""

    __slots__ = ()

    def __init__(
        self,
        *,
        bluetooth: bool | None = None,
        cellular: bool | None = None,
        wifi: bool | None = None,
        carrier: str | None = None,
    ) -> None:
        super().__init__(
            without_zeros({"bluetooth": bluetooth, "cellular": cellular, "wifi": wifi, "carrier": carrier})
        )


class OSInfo(Builder):
    """The operating system."""

    __slots__ = ()

    def __init__(self, *, name: str | None = None, version: str | None = None) -> None:
        super().__init__(without_zeros({"name": name, "version": version}))


class PageInfo(Builder):
    """The web page."""

    __slots__ = ()

    def __init__(
        self,
        *,
        hash: str | None = None,
        path: str | None = None,
        referrer: str | None = None,
        search: str | None = None,
        title: str | None = None,
        url: str | None = None,
    ) -> None:
        super().__init__(
            without_zeros(
                {"hash": hash, "path": path, "referrer": referrer, "search": search, "title": title, "url": url}
            )
        )


class ReferrerInfo(Builder):
    """What sent the user here."""

    __slots__ = ()

    def __init__(
        self, *, type: str | None = None, name: str | None = None, url: str | None = None, link: str | None = None
    ) -> None:
        super().__init__(without_zeros({"type": type, "name": name, "url": url, "link": link}))


class ScreenInfo(Builder):
    """The device's screen."""

    __slots__ = ()

    def __init__(self, *, density: int | None = None, width: int | None = None, height: int | None = None) -> None:
        super().__init__(without_zeros({"density": density, "width": width, "height": height}))
