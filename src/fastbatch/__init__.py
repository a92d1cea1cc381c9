"""A fast event client for Segment, RudderStack and PostHog, in which no event is lost without a word."""

from fastbatch.client import Client
from fastbatch.config import Config
from fastbatch.core import BACKEND
from fastbatch.errors import (
    ClosedError,
    ConfigError,
    DeliveryError,
    FastbatchError,
    FieldError,
    FlagsError,
    MessageTooLargeError,
    QueueFullError,
    TransportError,
    UnserializableError,
)
from fastbatch.messages import (
    Alias,
    Capture,
    Context,
    Group,
    GroupIdentify,
    Identify,
    Integrations,
    Page,
    Product,
    Properties,
    Screen,
    Track,
    Traits,
)
from fastbatch.pipeline.ledger import FlushResult, Stats
from fastbatch.typing import DeliveryReport
from fastbatch.version import VERSION as __version__  # noqa: N811 the name that tools look for

__all__ = [
    "BACKEND",
    "Alias",
    "Capture",
    "Client",
    "ClosedError",
    "Config",
    "ConfigError",
    "Context",
    "DeliveryError",
    "DeliveryReport",
    "FastbatchError",
    "FieldError",
    "FlagsError",
    "FlushResult",
    "Group",
    "GroupIdentify",
    "Identify",
    "Integrations",
    "MessageTooLargeError",
    "Page",
    "Product",
    "Properties",
    "QueueFullError",
    "Screen",
    "Stats",
    "Track",
    "Traits",
    "TransportError",
    "UnserializableError",
    "__version__",
]
