"""The same small world as for the door."""

from tests.door.conftest import looked, make_shop, shop, template

__all__ = ["looked", "make_shop", "shop", "template"]
