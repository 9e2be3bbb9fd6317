"""Q6 beside an OpenAPI document: its `security` entries settle routes that look bare, or say that they are open."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from stas_tui.isolation.base import World
from stas_tui.isolation.code import run
from stas_tui.isolation.openapi import operations, parsed
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from tests.isolation.code.samples import tenancy
from tests.isolation.code.trees import Repository

HEAD = 'from fastapi import APIRouter, Depends\nrouter = APIRouter(prefix="/items")\n'
SOUND = HEAD + "".join(
    f"@router.get('/sound{n}/{{id}}')\ndef sound{n}(id: int, user=Depends(get_current_user)): ...\n" for n in range(20)
)
ONE = HEAD + "@router.get('/one/{item_id}')\ndef one(item_id: int): ...\n"
MANY = HEAD + "".join(f"@router.get('/many{n}/{{id}}')\ndef many{n}(id: int): ...\n" for n in range(20))
BEARER = [{"bearer": []}]
SCHEMES = {"bearer": {"type": "http", "scheme": "bearer"}, "key": {"type": "apiKey"}}


def document(*entries: tuple[str, str, Any], schemes: Any = SCHEMES, **more: Any) -> dict[str, Any]:
    """Operations as (`METHOD /path`, id, `security`); a security of 0 stands for none."""
    paths: dict[str, Any] = {}
    for what, id_, security in entries:
        method, _, path = what.partition(" ")
        said = {"operationId": id_} if id_ else {}
        paths.setdefault(path, {})[method.lower()] = {**said, **({} if security == 0 else {"security": security})}
    return {"openapi": "3.1.0", "paths": paths, "components": {"securitySchemes": schemes}, **more}


class Api:
    """An application with a document beside its code."""

    def __init__(self, root: Path) -> None:
        self.repository, self.root = Repository(root / "r"), root

    def ask(self, code: str, said: object = None, *, name: str = "openapi.json", sound: str = SOUND) -> CheckResult:
        files = {"app/sound.py": sound, "app/api.py": code}
        if said is not None and not name.startswith("/"):
            files[name.removeprefix("./")] = said if isinstance(said, str) else json.dumps(said)
        declared = tenancy(api={"base": "http://127.0.0.1:1", "openapi": name})
        world = World(
            project_id="shop", tenants=("a",), tenancy=declared, clock=SystemClock(), only=frozenset({"Q6"}),
            tree=self.repository.at(self.repository.commit(files)),
        )  # fmt: skip
        (result,) = run(world)
        assert result.verdict is Verdict.UNKNOWN, "reading neither verifies nor flags a route"
        return result


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


def test_without_a_document_the_route_is_asked_about(api: Api) -> None:
    result = api.ask(ONE, None)
    assert len(result.leads) == 1
    assert "openapi.json is no file here" in result.reason


@pytest.mark.parametrize(
    ("security", "everywhere", "leads", "says"),
    [
        (BEARER, None, 0, "1 route looks bare and the OpenAPI document says that who calls is asked"),
        (0, BEARER, 0, "says that who calls is asked"),
        ([{"bearer": [], "key": []}, {"key": []}], None, 0, "says that who calls is asked"),
        ([], BEARER, 1, "says that anybody may"),
        ([], None, 1, "says that anybody may"),
        ([{}, {"bearer": []}], BEARER, 1, "says that credentials may be left out"),
        (0, [{}], 1, "says that credentials may be left out"),
        ([{"other": []}], None, 1, "names a scheme that it does not define"),
        (0, None, 1, ""),
        ("bearer", BEARER, 1, ""),
        ([7], BEARER, 1, ""),
    ],
)
def test_each_form_of_security_means_what_it_says(
    api: Api, security: Any, everywhere: Any, leads: int, says: str
) -> None:
    more = {} if everywhere is None else {"security": everywhere}
    result = api.ask(ONE, document(("GET /v1/items/one/{item_id}", "", security), **more))
    assert len(result.leads) == leads
    assert says in result.reason + "".join(lead.text for lead in result.leads)
    assert not any(lead.accuses for lead in result.leads)
    assert result.counts["by_document"] == 1 - leads
    assert "OpenAPI document openapi.json, 1 operations, sha256 " in result.target


@pytest.mark.parametrize(
    ("entry", "settles"),
    [
        ("GET /api/v1/items/one/{id}", True),
        ("GET /one/{whatever}", True),
        ("POST /items/one/{id}", False),
        ("GET /items/one", False),
        ("GET /items/one/{id}/parts", False),
        ("GET /items/someone/{id}", False),
    ],
)
def test_a_route_is_found_by_method_and_the_end_of_its_path(api: Api, entry: str, settles: bool) -> None:
    result = api.ask(ONE, document((entry, "", BEARER)))
    assert bool(result.leads) is not settles


def test_two_that_may_be_meant_have_to_agree(api: Api) -> None:
    both = ("GET /a/one/{id}", "", BEARER), ("GET /b/one/{id}", "", [])
    assert len(api.ask(ONE, document(*both)).leads) == 1
    named = ("GET /a/one/{id}", "one_a_one__id__get", BEARER), ("GET /b/one/{id}", "two_b_one__id__get", [])
    assert api.ask(ONE, document(*named)).leads == ()


@pytest.mark.parametrize("id_", ["one", "one_items_one__item_id__get", "items-one", "app.api.one"])
def test_an_operation_is_found_by_the_id_that_is_made_from_the_function(api: Api, id_: str) -> None:
    code = HEAD + "@router.get('/{item_id}')\ndef one(item_id: int): ...\n"
    path = "/items/{item_id}" if id_ != "one_items_one__item_id__get" else "/items/one/{item_id}"
    others = ("GET /other/{x}", "", [])
    assert api.ask(code, document((f"GET {path}", id_, BEARER), others)).leads == ()
    assert len(api.ask(code, document((f"GET {path}", "", BEARER))).leads) == 1, "a path of ids alone names nothing"


def test_an_id_made_from_another_function_settles_nothing(api: Api) -> None:
    assert len(api.ask(ONE, document(("GET /x/one/{id}", "other_x_one__id__get", BEARER))).leads) == 1


def test_routes_of_flask_and_of_any_method_are_found(api: Api) -> None:
    flask = "from flask import Blueprint\nbp = Blueprint('x', __name__)\n@bp.route('/one/<int:id>')\ndef one(id): ...\n"
    secured = ("GET /api/one/{id}", "", BEARER)
    assert api.ask(flask, document(secured)).leads == ()
    assert len(api.ask(flask, document(secured, ("DELETE /api/one/{id}", "", []))).leads) == 1


def test_where_more_than_a_third_look_bare_the_document_is_what_counts(api: Api) -> None:
    said = [(f"GET /items/many{n}/{{id}}", "", BEARER) for n in range(15)]
    result = api.ask(MANY, document(*said))
    assert len(result.leads) == 5, "with the document few enough are left to be asked about"
    assert "15 routes look bare and the OpenAPI document says" in result.reason
    assert result.counts["bare"] == 20
    some = api.ask(MANY, document(*said[:2], ("GET /items/many3/{id}", "", [])))
    assert [lead.code for lead in some.leads] == ["GET /many3/{id}"], "it says itself that this one is open"
    assert "18 of 40 routes look bare, more than a third" in some.reason
    assert "nor does the OpenAPI document say it of 17" in some.reason
    nothing = api.ask(MANY, None, name="none.json")
    assert nothing.leads == ()
    assert "20 of 40 routes look bare, more than a third" in nothing.reason


def test_what_was_read_before_is_held_against_a_new_document(api: Api, tmp_path: Path) -> None:
    from dataclasses import replace

    from storage.scans import Scans, open_scans

    file = tmp_path / "said.json"
    declared = tenancy(api={"base": "http://127.0.0.1:1", "openapi": str(file)})
    commit = api.repository.commit({"app/sound.py": SOUND, "app/api.py": MANY})
    with open_scans(tmp_path / "scan.db") as store:
        world = World(
            project_id="shop", tenants=("a",), tenancy=declared, clock=SystemClock(), only=frozenset({"Q6"}),
            scans=Scans(store),
        )  # fmt: skip
        for number in (0, 15):
            file.write_text(json.dumps(document(*[(f"GET /x/many{n}/{{id}}", "", BEARER) for n in range(number)])))
            (result,) = run(replace(world, tree=api.repository.at(commit)))
        assert result.counts["parsed"] == 0
        assert (len(result.leads), result.counts["by_document"]) == (5, 15)


# the document itself --------------------------------------------------------------------------------


YAML = """
openapi: 3.0.0
security: [{key: []}]
components: {securitySchemes: {key: {type: apiKey}}}
paths:
  /items/one/{id}:
    get: {operationId: one}
"""
SWAGGER = {
    "swagger": "2.0", "securityDefinitions": {"key": {"type": "apiKey"}}, "security": [{"key": []}],
    "paths": {"/one/{id}": {"get": {}}},
}  # fmt: skip


@pytest.mark.parametrize(("said", "name"), [(YAML, "docs/api.yaml"), (SWAGGER, "swagger.json"), (YAML, "./api.yml")])
def test_yaml_and_swagger_are_read_too(api: Api, said: object, name: str) -> None:
    result = api.ask(ONE, said, name=name)
    assert result.leads == ()


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("{", "it is no JSON"),
        ("[]", "it has no paths"),
        ('{"paths": []}', "it has no paths"),
        ("[" * 200_000, "nested too deeply"),
        ('{"paths": {}, "x": "' + "y" * 9_000_000 + '"}', "larger than 8 MB"),
    ],
)
def test_a_document_that_cannot_be_read_changes_nothing_and_is_told(api: Api, said: str, says: str) -> None:
    result = api.ask(ONE, said)
    assert len(result.leads) == 1
    assert says in result.reason


@pytest.mark.parametrize("kind", ["folder", "pipe", "none", "below the base"])
def test_a_document_that_is_no_file_is_told_and_nothing_is_asked_of_the_network(api: Api, kind: str) -> None:
    path = api.root / "said.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    result = api.ask(ONE, name="/openapi.json" if kind == "below the base" else str(path))
    assert len(result.leads) == 1
    assert "could not be read" in result.reason or "is no file here" in result.reason


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x]\nb: &b [*a, *a]\npaths: {}\n",
        "paths: &p\n  /x: *p\n",
        "paths: {/x: {get: {security: &s [{a: *s}]}}}\n",
        "paths: {1: {get: {}}, /x: 7, /y: {get: 7, $ref: z}}\n",
        '{"paths": {"/x": {"get": {"security": {"a": []}, "operationId": 7}}}, "components": {"securitySchemes": []}}',
    ],
)
def test_documents_of_another_shape_say_nothing(text: str) -> None:
    assert all(one.asks in ("silent", "undefined") for one in operations(parsed(text)))


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.getcwd []", "paths: !!python/name:os.system x", "\x00", "a: b: c"]
)
def test_yaml_makes_no_objects(text: str) -> None:
    with pytest.raises(ValueError, match="neither JSON nor YAML"):
        parsed(text)
