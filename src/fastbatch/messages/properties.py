"""The properties of an event."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from fastbatch.messages.builder import Builder

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Properties"]


class Properties(Builder):
    """
    What is known of an event.

    Shape:
        ``Properties().set_revenue(39.95).set("plan", "pro")`` is ``{"revenue": 39.95, "plan": "pro"}``
    """

    __slots__ = ()

    def set_revenue(self, revenue: float | Decimal) -> Self:
        return self.set("revenue", revenue)

    def set_currency(self, currency: str) -> Self:
        return self.set("currency", currency)

    def set_value(self, value: float | Decimal) -> Self:
        return self.set("value", value)

    def set_path(self, path: str) -> Self:
        return self.set("path", path)

    def set_referrer(self, referrer: str) -> Self:
        return self.set("referrer", referrer)

    def set_title(self, title: str) -> Self:
        return self.set("title", title)

    def set_url(self, url: str) -> Self:
        return self.set("url", url)

    def set_name(self, name: str) -> Self:
        return self.set("name", name)

    def set_category(self, category: str) -> Self:
        return self.set("category", category)

    def set_sku(self, sku: str) -> Self:
        return self.set("sku", sku)

    def set_price(self, price: float | Decimal) -> Self:
        return self.set("price", price)

    def set_product_id(self, product_id: str) -> Self:
        """The key is ``id``, as in Segment's and RudderStack's Go clients."""
        return self.set("id", product_id)

    def set_order_id(self, order_id: str) -> Self:
        """The key is ``orderId``, as in Segment's and RudderStack's Go clients."""
        return self.set("orderId", order_id)

    def set_total(self, total: float | Decimal) -> Self:
        return self.set("total", total)

    def set_subtotal(self, subtotal: float | Decimal) -> Self:
        return self.set("subtotal", subtotal)

    def set_shipping(self, shipping: float | Decimal) -> Self:
        return self.set("shipping", shipping)

    def set_tax(self, tax: float | Decimal) -> Self:
        return self.set("tax", tax)

    def set_discount(self, discount: float | Decimal) -> Self:
        return self.set("discount", discount)

    def set_coupon(self, coupon: str) -> Self:
        return self.set("coupon", coupon)

    def set_products(self, *products: Mapping[str, Any]) -> Self:
        """Take each product as a `Product` or a plain dict."""
        return self.set("products", list(products))

    def set_repeat(self, repeat: bool) -> Self:
        return self.set("repeat", repeat)
