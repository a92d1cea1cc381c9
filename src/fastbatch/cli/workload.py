"""
The events of the demo: visits to a shop, the same for the same seed.

Each worker has users of its own, and numbers its events from 0 under ``worker`` and ``seq``, so that an auditor can say
of each whether it arrived, how often, and whether it is the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

from fastbatch import Group, Identify, Page, Track
from fastbatch.typing import Message

__all__ = ["VISITOR", "events"]

VISITOR = "visitor-of-"
"""How the anonymous ids of the demo start."""

_PRODUCTS = [
    {"product_id": f"p{n}", "sku": f"SKU-{n:04}", "name": name, "price": price, "category": "Kitchen"}
    for n, (name, price) in enumerate(
        [("Kettle", 39.95), ("Teapot", 24.5), ("Cup", 7.25), ("Whisk", 5.0), ("Jar, große", 12.8), ("Scales", 31.0)]
    )
]
_PAGES = ["Home", "Kitchen", "Offers", "Delivery", "About us"]
_PLANS = ["free", "pro", "team"]


def events(seed: int, worker: int, number: int) -> Iterator[Message]:
    """Yield ``number`` messages of one worker."""
    random_ = random.Random(f"{seed}/{worker}")
    steps = (step for user in count() for step in _visit(random_, f"user-{worker}-{user}"))
    for seq, (type_, fields) in enumerate(islice(steps, number)):
        where = "traits" if type_ in (Identify, Group) else "properties"
        fields[where] = {**fields.get(where, {}), "worker": worker, "seq": seq}
        yield type_(**fields)


def _visit(random_: random.Random, user: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield what one user does, from signing up to, perhaps, an order."""
    plan = random_.choice(_PLANS)
    visitor = VISITOR + user
    yield Page, {"anonymous_id": visitor, "name": "Home", "properties": {"path": "/"}}
    traits = {"email": f"{user}@example.com", "plan": plan, "logins": random_.randrange(100)}
    yield Identify, {"user_id": user, "anonymous_id": visitor, "traits": traits}
    if plan == "team":
        group = f"company-{random_.randrange(50)}"
        yield (
            Group,
            {"user_id": user, "group_id": group, "traits": {"name": group, "employees": random_.randrange(500)}},
        )
    for _ in range(random_.randrange(1, 5)):
        name = random_.choice(_PAGES)
        path = "/" + name.lower().replace(" ", "-")
        yield Page, {"user_id": user, "name": name, "category": "Shop", "properties": {"path": path}}
    yield from _shopping(random_, user)


def _shopping(random_: random.Random, user: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    cart = []
    for product in random_.sample(_PRODUCTS, random_.randrange(1, len(_PRODUCTS))):
        yield Track, {"user_id": user, "event": "Product Viewed", "properties": dict(product)}
        if random_.random() < 0.5:
            cart.append({**product, "quantity": random_.randrange(1, 4)})
            yield Track, {"user_id": user, "event": "Product Added", "properties": cart[-1]}
    if cart and random_.random() < 0.6:
        total = round(sum(line["price"] * line["quantity"] for line in cart), 2)  # type: ignore[operator]
        order = {"order_id": f"o-{random_.randrange(10**9)}", "revenue": total, "currency": "EUR", "products": cart}
        yield Track, {"user_id": user, "event": "Order Completed", "properties": order}
