"""The messages that a client takes, and the builders of what they hold. Nothing here knows a vendor's servers."""

from fastbatch.messages.alias import Alias
from fastbatch.messages.capture import Capture
from fastbatch.messages.context import Context
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
)
from fastbatch.messages.group import Group
from fastbatch.messages.group_identify import GroupIdentify
from fastbatch.messages.identify import Identify
from fastbatch.messages.integrations import Integrations
from fastbatch.messages.page import Page
from fastbatch.messages.product import Product
from fastbatch.messages.properties import Properties
from fastbatch.messages.screen import Screen
from fastbatch.messages.track import Track
from fastbatch.messages.traits import Traits

__all__ = [
    "Alias",
    "AppInfo",
    "CampaignInfo",
    "Capture",
    "Context",
    "DeviceInfo",
    "Group",
    "GroupIdentify",
    "Identify",
    "Integrations",
    "LibraryInfo",
    "LocationInfo",
    "NetworkInfo",
    "OSInfo",
    "Page",
    "PageInfo",
    "Product",
    "Properties",
    "ReferrerInfo",
    "Screen",
    "ScreenInfo",
    "Track",
    "Traits",
]
