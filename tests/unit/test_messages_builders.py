"""Each setter of the Go clients, and the key that it writes."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import date
from ipaddress import ip_address
from typing import Any

import pytest

from fastbatch import messages
from fastbatch.messages import (
    AppInfo,
    CampaignInfo,
    Context,
    DeviceInfo,
    Integrations,
    LibraryInfo,
    LocationInfo,
    NetworkInfo,
    OSInfo,
    PageInfo,
    Product,
    Properties,
    ReferrerInfo,
    ScreenInfo,
    Track,
    Traits,
)

SETTERS = [
    *[
        (Properties, name, name)
        for name in [
            "revenue",
            "currency",
            "value",
            "path",
            "referrer",
            "title",
            "url",
            "name",
            "category",
            "sku",
            "price",
            "total",
            "subtotal",
            "shipping",
            "tax",
            "discount",
            "coupon",
            "repeat",
        ]
    ],
    (Properties, "product_id", "id"),
    (Properties, "order_id", "orderId"),
    *[
        (Traits, name, name)
        for name in [
            "address",
            "age",
            "avatar",
            "birthday",
            "description",
            "email",
            "gender",
            "name",
            "phone",
            "title",
            "username",
            "website",
        ]
    ],
    (Traits, "created_at", "createdAt"),
    (Traits, "first_name", "firstName"),
    (Traits, "last_name", "lastName"),
    *[
        (Product, name, name)
        for name in [
            "id",
            "product_id",
            "sku",
            "name",
            "price",
            "quantity",
            "category",
            "brand",
            "variant",
            "currency",
            "value",
            "discount",
            "coupon",
            "position",
            "url",
            "image_url",
        ]
    ],
]


@pytest.mark.parametrize(("builder", "setter", "key"), SETTERS)
def test_a_setter_writes_its_key_and_returns_its_builder(builder: Any, setter: str, key: str) -> None:
    """The keys are the Go clients', but for their typo ``sky``."""
    built = builder()
    value = object()
    assert getattr(built, f"set_{setter}")(value) is built
    assert built == {key: value}


def test_no_setter_is_missing_from_the_table() -> None:
    """The table above is the specification's, so a new setter must be entered there."""
    for builder in (Properties, Traits, Product):
        found = {name[4:] for name in dir(builder) if name.startswith("set_")}
        assert found - {"products"} == {setter for kind, setter, _ in SETTERS if kind is builder}


def test_set_writes_any_key() -> None:
    """Most properties of an application have no setter."""
    assert Properties().set("plan", "pro").set("$set", {"a": 1}) == {"plan": "pro", "$set": {"a": 1}}


def test_products_are_a_list_of_objects() -> None:
    """``set_products`` takes them one by one, as the variadic Go setter does."""
    properties = Properties().set_products(Product(id="p", price=0, sku="s", name="n").set("color", "red"), {"id": "q"})
    assert properties == {"products": [{"id": "p", "price": 0, "sku": "s", "name": "n", "color": "red"}, {"id": "q"}]}


def test_integrations_are_switches() -> None:
    """The key is ``All``: Segment's Go client writes ``all``, which Segment's servers do not know."""
    assert Integrations().disable_all().enable("A").disable("B").set("C", {"x": 1}) == {
        "All": False,
        "A": True,
        "B": False,
        "C": {"x": 1},
    }
    assert Integrations().enable_all() == {"All": True}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (AppInfo(name="n", version="v", build="b", namespace="s"), "name version build namespace"),
        (CampaignInfo(name="n", source="s", medium="m", term="t", content="c"), "name source medium term content"),
        (
            DeviceInfo(id="i", manufacturer="m", model="o", name="n", type="t", version="v", advertising_id="a"),
            "id manufacturer model name type version advertisingId",
        ),
        (LibraryInfo(name="n", version="v"), "name version"),
        (
            LocationInfo(city="c", country="o", region="r", latitude=1.5, longitude=2.5, speed=3.5),
            "city country region latitude longitude speed",
        ),
        (NetworkInfo(bluetooth=True, cellular=True, wifi=True, carrier="c"), "bluetooth cellular wifi carrier"),
        (OSInfo(name="n", version="v"), "name version"),
        (
            PageInfo(hash="h", path="p", referrer="r", search="s", title="t", url="u"),
            "hash path referrer search title url",
        ),
        (ReferrerInfo(type="t", name="n", url="u", link="l"), "type name url link"),
        (ScreenInfo(density=1, width=2, height=3), "density width height"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_part_of_the_context_has_the_keys_of_the_specification(part: dict[str, Any], expected: str) -> None:
    """Each value went under its own key."""
    assert list(part) == expected.split()
    assert len(set(map(str, part.values()))) == len(part) or type(part) is NetworkInfo


@pytest.mark.parametrize(
    "name",
    [
        "app",
        "campaign",
        "device",
        "library",
        "location",
        "network",
        "os",
        "page",
        "referrer",
        "screen",
        "traits",
        "locale",
        "timezone",
    ],
)
def test_the_context_has_a_field_for_each_part(name: str) -> None:
    """The key is the argument's name."""
    assert Context(**{name: {"a": 1}}) == {name: {"a": 1}}  # type: ignore[arg-type]


def test_the_context_has_fields_that_are_no_parts() -> None:
    """Two of them have a name of their own on the wire."""
    context = Context(ip=ip_address("1.2.3.4"), direct=True, group_id="g", user_agent="ua")
    assert context == {"ip": "1.2.3.4", "direct": True, "groupId": "g", "userAgent": "ua"}


def test_extra_fields_stand_beside_the_others_and_give_way_to_them() -> None:
    """Go inlines ``Extra``, and a field of the struct wins."""
    extra = {"cell": 7, "ip": "0.0.0.0"}
    assert Context(ip="1.2.3.4", extra=extra) == {"cell": 7, "ip": "1.2.3.4"}
    assert extra == {"cell": 7, "ip": "0.0.0.0"}


def test_zeros_are_left_out_of_the_context() -> None:
    """As Go's omitempty does, in each part too."""
    empty = Context(app=AppInfo(name=""), location=LocationInfo(latitude=0.0), network=NetworkInfo(wifi=False), ip="")
    assert empty == {}
    assert Context(direct=False, traits={}, screen=ScreenInfo(density=0, width=0, height=0)) == {}


def test_zeros_that_are_said_outright_are_kept() -> None:
    """A plain dict is what the caller means to send."""
    assert Context(network={"wifi": False}, extra={"n": 0}) == {"network": {"wifi": False}, "n": 0}


@pytest.mark.parametrize("builder", [Properties(a=1), Product(id="p"), Context(app=AppInfo(name="n"))])
def test_a_builder_is_a_dict_in_every_respect(builder: Any) -> None:
    """It can be copied, pickled, compared and encoded by anybody's JSON encoder."""
    assert copy.deepcopy(builder) == builder == pickle.loads(pickle.dumps(builder)) == json.loads(json.dumps(builder))
    assert type(copy.copy(builder)) is type(builder)


def test_a_message_takes_builders_wherever_it_takes_dicts() -> None:
    """The Go clients' way to say it."""
    message = Track(
        user_id="u",
        event="e",
        properties=Properties().set_revenue(39.95),
        context=Context(os=OSInfo(name="iOS")),
        integrations=Integrations().enable_all(),
    )
    assert message.fields() == {
        "userId": "u",
        "event": "e",
        "properties": {"revenue": 39.95},
        "context": {"os": {"name": "iOS"}},
        "integrations": {"All": True},
    }


def test_setters_do_not_convert() -> None:
    """Encoding does, by one table."""
    assert Traits().set_birthday(date(2000, 1, 2))["birthday"] == date(2000, 1, 2)


def test_the_package_exports_what_it_says() -> None:
    """``__all__`` is sorted and complete."""
    assert sorted(messages.__all__) == messages.__all__
    assert all(hasattr(messages, name) for name in messages.__all__)
