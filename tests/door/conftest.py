"""A shop for each test; its repository is made once and copied."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.door.shop import Shop, make_template


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def make_shop(tmp_path: Path, template: Path) -> Iterator[Callable[..., Shop]]:
    made: list[Shop] = []

    def make(**options: str) -> Shop:
        shop = Shop(tmp_path / f"shop{len(made)}", template, **options)
        made.append(shop)
        return shop

    yield make
    for shop in made:
        shop.close()


@pytest.fixture
def shop(make_shop: Callable[..., Shop]) -> Shop:
    """A supervised profile before its first pulse."""
    return make_shop()


@pytest.fixture
def looked(shop: Shop) -> Shop:
    """The first six steps are done: the change lane is open."""
    shop.look()
    return shop
