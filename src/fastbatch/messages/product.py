"""A product, of the properties of an e-commerce event."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from fastbatch.messages.builder import Builder

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Product"]


class Product(Builder):
    """
    One of the products of `Properties.set_products`.

    Shape:
        ``Product(id="p1", price=9.5).set_quantity(2)`` is ``{"id": "p1", "price": 9.5, "quantity": 2}``
    """

    __slots__ = ()

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - the field's name
        sku: str | None = None,
        name: str | None = None,
        price: float | Decimal | None = None,
    ) -> None:
        given = {"id": id, "sku": sku, "name": name, "price": price}
        super().__init__({key: value for key, value in given.items() if value is not None})

    def set_id(self, product_id: str) -> Self:
        """The key is ``id``, as in Segment's and RudderStack's Go clients."""
        return self.set("id", product_id)

    def set_product_id(self, product_id: str) -> Self:
        """The key of Segment's and RudderStack's e-commerce specifications; see `set_id`."""
        return self.set("product_id", product_id)

    def set_sku(self, sku: str) -> Self:
        return self.set("sku", sku)

    def set_name(self, name: str) -> Self:
        return self.set("name", name)

    def set_price(self, price: float | Decimal) -> Self:
        return self.set("price", price)

    def set_quantity(self, quantity: int) -> Self:
        return self.set("quantity", quantity)

    def set_category(self, category: str) -> Self:
        return self.set("category", category)

    def set_brand(self, brand: str) -> Self:
        return self.set("brand", brand)

    def set_variant(self, variant: str) -> Self:
        return self.set("variant", variant)

    def set_currency(self, currency: str) -> Self:
        return self.set("currency", currency)

    def set_value(self, value: float | Decimal) -> Self:
        return self.set("value", value)

    def set_discount(self, discount: float | Decimal) -> Self:
        return self.set("discount", discount)

    def set_coupon(self, coupon: str) -> Self:
        return self.set("coupon", coupon)

    def set_position(self, position: int) -> Self:
        return self.set("position", position)

    def set_url(self, url: str) -> Self:
        return self.set("url", url)

    def set_image_url(self, image_url: str) -> Self:
        return self.set("image_url", image_url)
