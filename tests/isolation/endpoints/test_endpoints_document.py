"""The routes that are probed come from an OpenAPI document as it is written: JSON, YAML, its `security` entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from stas_tui.isolation.base import World
from stas_tui.isolation.declared import Api, Tenancy
from stas_tui.isolation.endpoints.asking import Asker
from stas_tui.isolation.endpoints.routes import Routes, routes_of
from storage.clock import SystemClock

DOCUMENT = """
openapi: 3.0.0
security: [{key: []}]
components: {securitySchemes: {key: {type: apiKey}}}
paths:
  /secured: {get: {}, post: {security: []}}
  /open: {get: {security: []}}
  /optional: {get: {security: [{}, {key: []}]}}
  /undefined: {get: {security: [{other: []}]}}
  /written: {post: {}}
"""


def routes(file: Path) -> Routes:
    api = Api(base="http://127.0.0.1:1", openapi=str(file))
    tenancy = Tenancy(strategy="row", completed_by="Ada", api=api)
    return routes_of(Asker(World(project_id="p", tenants=(), tenancy=tenancy, clock=SystemClock()), api), api, None)


def test_an_operation_is_secured_if_no_alternative_is_empty(tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(DOCUMENT)
    found = routes(tmp_path / "api.yaml")
    assert found.trouble == ""
    assert {route.path: route.secured for route in found.routes} == {
        "/secured": True, "/open": False, "/optional": False, "/undefined": True,
    }  # fmt: skip
    (tmp_path / "silent.json").write_text('{"paths": {"/x": {"get": {}}}}')
    assert [route.secured for route in routes(tmp_path / "silent.json").routes] == [None]


@pytest.mark.parametrize("text", ["{}", "[]", "nothing", "{"])
def test_a_document_without_paths_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "api.json").write_text(text)
    assert routes(tmp_path / "api.json").trouble.startswith("the OpenAPI document could not be read")
