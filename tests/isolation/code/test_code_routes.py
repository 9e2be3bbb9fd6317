"""Q5 and Q6: routes that ask nobody, and tenants that the client chooses; however a project asks who calls."""

from __future__ import annotations

import textwrap

import pytest

from stas_tui.isolation.code.project import Read
from tests.isolation.code.samples import leads, project

HEAD = """
from fastapi import APIRouter, Depends
router = APIRouter(prefix="/items")
"""

ASKED = {
    "dependency": "async def f(item_id: int, user: User = Depends(get_current_user)): ...",
    "security": "async def f(item_id: int, key=Security(scheme)): ...",
    "annotated": "async def f(item_id: int, user: Annotated[User, Depends(get_current_user)]): ...",
    "request": "async def f(item_id: int, request: Request):\n    return load(request.state.user, item_id)",
    "in the body": "async def f(item_id: int, request: Request):\n    user = authenticate(request)",
    "header read": "async def f(item_id: int, request: Request):\n    token = request.headers['Authorization']",
    "key as a parameter": "async def f(item_id: int, x_api_key: str = Header()): ...",
    "dependency of a dependency": "async def f(item_id: int, db=Depends(get_scoped)): ...",
    "role": "async def f(item_id: int, _=Depends(RoleChecker('admin'))): ...",
    "access list as a default": "async def f(item_id: int, role: Role = RoleACL(allow_user=True)): ...",
    "state of the request": "async def f(item_id: int, request: Request):\n    return load(request.state.user_id)",
    "state by name": "async def f(item_id: int, request: Request):\n    who = getattr(request.state, 'user_id', None)",
}


def routes(source: str, **files: str) -> Read:
    """What is said of a project with these routes, and twenty sound ones around them."""
    sound = "\n".join(
        f"@router.get('/{n}/{{id}}')\ndef r{n}(id: int, user=Depends(get_current_user)): ..." for n in range(20)
    )
    deps = """
        def get_scoped(token: str = Depends(oauth2_scheme)): ...
        CurrentUser = Annotated[User, Depends(get_current_user)]
        """
    return project({"app/sound.py": HEAD + sound, "app/deps.py": deps, "app/api.py": textwrap.dedent(source), **files})


def bare(source: str, **files: str) -> list[str]:
    """Paths of routes in `app/api.py` that ask nobody."""
    return [lead.code for lead in routes(source, **files).of("Q6") if lead.path == "app/api.py"]


def test_a_route_that_asks_nobody_is_found() -> None:
    (lead,) = routes(HEAD + "@router.get('/{item_id}')\nasync def f(item_id: int, db=Depends(get_db)): ...").of("Q6")
    assert (lead.rule, lead.accuses, lead.place) == ("bare-route", False, "app/api.py:5")
    assert "GET /{item_id} (f) asks nobody who calls" in lead.text


@pytest.mark.parametrize("name", ASKED)
def test_every_way_to_ask_is_seen(name: str) -> None:
    assert bare(HEAD + "@router.get('/{item_id}')\n" + ASKED[name]) == []


def test_an_alias_in_another_file_is_seen() -> None:
    assert bare(HEAD + "@router.get('/{item_id}')\nasync def f(item_id: int, user: CurrentUser): ...") == []
    assert bare(HEAD + "@router.get('/{item_id}')\nasync def f(item_id: int, user: deps.CurrentUser): ...") == []
    assert bare(HEAD + "@router.get('/{item_id}')\nasync def f(item_id: int, user: UserUpdate): ...") != []


def test_decorators_are_seen() -> None:
    assert bare("@app.route('/items/<item_id>')\n@login_required\ndef f(item_id): ...") == []
    assert bare("@app.route('/items/<item_id>', methods=['POST'])\n@log_calls\ndef f(item_id): ...") == [
        "POST /items/<item_id>"
    ]


def test_a_router_that_asks_is_seen_in_every_file_around_it() -> None:
    own = "router = APIRouter(dependencies=[Depends(require_user)])\n@router.get('/{id}')\ndef f(id: int): ..."
    assert bare(own) == []
    plain = "router = APIRouter()\n@router.get('/{id}')\ndef f(id: int): ..."
    main = "from app import api\napp = FastAPI()\napp.include_router(api.router, dependencies=[Depends(require_user)])"
    assert bare(plain, **{"app/main.py": main}) == []
    nested = "from app import api\nv1 = APIRouter()\nv1.include_router(api.router)"
    top = (
        "from app.v1 import v1 as first\napp = FastAPI()\n"
        "app.include_router(first, dependencies=[Depends(require_user)])"
    )
    assert bare(plain, **{"app/v1.py": nested, "app/main.py": top}) == []
    assert bare(plain, **{"app/v1.py": nested, "app/main.py": top.replace("require_user", "get_db")}) == ["GET /{id}"]
    assert bare(plain, **{"app/main.py": main.replace("api.router", "other.router")}) == ["GET /{id}"]


def test_class_based_views_are_seen_with_their_bases() -> None:
    base = "class Based:\n    user: User = Depends(get_current_user)\n"
    view = "@router.get('/{id}')\n    def one(self, id: int): ...\n"
    assert bare(HEAD + f"@cbv(router)\nclass View:\n    user: User = Depends(get_current_user)\n    {view}") == []
    assert bare(HEAD + f"@cbv(router)\nclass View(Based):\n    {view}", **{"app/base.py": base}) == []
    assert bare(HEAD + f"@cbv(router)\nclass View:\n    {view}") == ["GET /{id}"]
    rest = "@ns.route('/items/<id>')\nclass View(Resource):\n    {}\n    def get(self, id): ...\n"
    assert bare(rest.format("method_decorators = [login_required]")) == []
    assert bare(rest.format("@login_required")) == []
    assert bare(rest.format("x = 1")) == ["GET /items/<id>"]


@pytest.mark.parametrize(
    "path", ["/health/{x}", "/webhooks/{id}", "/oauth/{provider}/callback", "/share/{token}", "/login/{id}"]
)
def test_routes_that_are_open_by_nature_are_not_asked_about(path: str) -> None:
    assert bare(HEAD + f"@router.post('{path}')\ndef f(x): ...") == []


def test_routes_without_an_id_count_if_they_read_a_tenants_table() -> None:
    assert bare(HEAD + "@router.get('/version2')\ndef f(): ...") == []
    assert bare(HEAD + "@router.get('/all')\ndef f(s=Depends(get_db)):\n    return s.scalars(select(Item))") == [
        "GET /all"
    ]


def test_too_many_bare_routes_mean_that_the_rule_does_not_understand() -> None:
    source = HEAD + "\n".join(f"@router.get('/{n}/{{id}}')\ndef f{n}(id: int): ..." for n in range(30))
    read = routes(source)
    assert read.of("Q6") == []
    assert "30 of 50 routes look bare, more than a third" in read.notes["Q6"]


def test_a_middleware_that_looks_at_the_caller_is_said_beside_the_leads() -> None:
    source = HEAD + "app.add_middleware(AuthMiddleware)\n@router.get('/{id}')\ndef f(id: int): ..."
    read = routes(source)
    assert len(read.of("Q6")) == 1
    assert "AuthMiddleware looks at the caller too" in read.notes["Q6"]
    assert routes(source.replace("AuthMiddleware", "SecurityHeadersMiddleware")).notes == {}


CLIENT = {
    "path": """
        @router.get("/{tenant_id}/items")
        def f(tenant_id: int, db=Depends(get_db), user=Depends(get_current_user)):
            return service.list(db, tenant_id)
        """,
    "query": """
        @router.get("/items")
        def f(tenant_id: int = Query(None), user: CurrentUser = None):
            return service.list(tenant_id=tenant_id)
        """,
    "header": """
        def f(request, connection):
            tenant = request.headers.get("X-Tenant-Id")
            return connection.execute("SELECT id FROM items WHERE tenant_id = ?", (tenant,))
        """,
    "body": """
        def f(connection):
            tenant_id = request.json.get("tenant_id")
            return connection.execute("SELECT id FROM items WHERE tenant_id = ?", (tenant_id,))
        """,
    "field of the body's model": """
        @router.post("/items")
        def f(payload: ItemCreate, db=Depends(get_db), user=Depends(get_current_user)):
            return service.create(db, tenant_id=payload.tenant_id, name=payload.name)
        """,
    "field of a model known by its base": """
        class Wish(BaseModel):
            tenant_id: UUID
            name: str

        @router.post("/items")
        def f(wish: Annotated[Wish, Body()], db=Depends(get_db), user=Depends(get_current_user)):
            tenant = wish.tenant_id
            return db.execute(insert_into(tenant, wish.name))
        """,
    "field of the body that finds the rows": """
        @router.put("/items")
        async def f(data: schemas.ItemUpdate | None, session=Depends(get_db)):
            return await session.scalars(find(Item.tenant_id == data.org_id))
        """,
    "a row compared with the body": """
        @router.post("/items/{item_id}")
        def f(item_id: int, body: Change, session, user=Depends(get_current_user)):
            item = load(session, item_id, body.tenant_id)
            if item.tenant_id != body.tenant_id:
                raise NotFound
            return item
        """,
    "a row compared with what the client says": """
        @router.get("/{tenant_id}/items/{item_id}")
        def f(tenant_id: int, item_id: int, session, user=Depends(get_current_user)):
            item = load(session, item_id, tenant_id)
            if item.tenant_id != tenant_id:
                raise NotFound
            return item
        """,
    "header, a row compared with it": """
        def f(request, connection, item):
            tenant = request.headers.get("X-Tenant-Id")
            if item.tenant_id != tenant:
                raise NotFound
            return connection.execute("SELECT id FROM items WHERE tenant_id = ?", (tenant,))
        """,
}

FROM_IDENTITY = {
    "a row compared with the request's state": """
        @router.get("/{tenant_id}")
        def f(tenant_id: UUID, request: Request, user=Depends(get_current_user)):
            found = load(tenant_id)
            mine = getattr(request.state, "account_id", None)
            if str(found.account_id) != str(mine):
                raise NotFound
            return found
        """,
    "compared with the request's state": """
        @router.get("/{tenant_id}")
        def f(tenant_id: UUID, request: Request, user=Depends(get_current_user)):
            if tenant_id != request.state.tenant_id:
                raise NotFound
            return load(tenant_id)
        """,
    "field of the body, compared": """
        @router.post("/items")
        def f(payload: ItemCreate, user=Depends(get_current_user)):
            if payload.tenant_id != user.tenant_id:
                raise Forbidden
            return service.create(payload.tenant_id)
        """,
    "field of the body under another name, compared": """
        @router.post("/items")
        def f(payload: ItemCreate, user=Depends(get_current_user)):
            wanted = payload.tenant_id
            if wanted not in user.tenants:
                raise Forbidden
            return service.create(wanted)
        """,
    "field of the body, checked by a call": """
        @router.post("/items")
        def f(payload: ItemCreate, user=Depends(get_current_user)):
            require_member(payload.tenant_id)
            return service.create(payload.tenant_id)
        """,
    "field of the body, handed on with the caller": """
        @router.post("/items")
        def f(payload: ItemCreate, user=Depends(get_current_user)):
            return service.create(user, payload.tenant_id)
        """,
    "body without use of its tenant": """
        @router.post("/items")
        def f(payload: ItemCreate, user=Depends(get_current_user)):
            return service.create(user.tenant_id, payload.name)
        """,
    "field of the caller": """
        @router.post("/items")
        def f(payload: ItemCreate, user: Principal, context: RequestContext):
            return service.create(user.tenant_id, context.org_id)
        """,
    "field of a dependency": """
        @router.get("/items")
        def f(query: Annotated[ItemQuery, Depends(scoped)], other: ItemQuery = Depends(scoped)):
            return service.list(query.tenant_id, other.tenant_id)
        """,
    "field of an alias": """
        Scoped = Annotated[ItemQuery, Depends(scoped)]

        @router.get("/items")
        def f(query: Scoped):
            return service.list(query.tenant_id)
        """,
    "field of the service": """
        @router.post("/items")
        def f(items: ItemService):
            return items.create(items.tenant_id)
        """,
    "body of a login": """
        @router.post("/login")
        def f(payload: LoginRequest):
            return authenticate_with(payload.tenant_id, payload.password)
        """,
    "filled in by a decorator": """
        @app.route("/items")
        @add_tenant_id
        def f(tenant_id):
            return service.list(tenant_id)
        """,
    "no parameter of the request": """
        @app.route("/items/<item_id>")
        def f(item_id, tenant_id):
            return service.list(tenant_id)
        """,
    "dependency": """
        @router.get("/items")
        def f(tenant_id: int = Depends(get_tenant), user=Depends(get_current_user)):
            return service.list(tenant_id)
        """,
    "annotated": """
        @router.get("/items")
        def f(tenant: Annotated[Tenant, Depends(auth.get_tenant)]):
            return service.list(tenant.id)
        """,
    "handed on with the caller": """
        @router.get("/{tenant_id}/items")
        def f(tenant_id: int, db=Depends(get_db), user=Depends(get_current_user)):
            return service.list(db, user, tenant_id=tenant_id)
        """,
    "service made for the caller": """
        @router.get("/{tenant_id}/items")
        def f(tenant_id: int, role: Role = Depends(get_role)):
            service = Items(role=role)
            return service.list(tenant_id)
        """,
    "compared": """
        @router.get("/{tenant_id}/items")
        def f(tenant_id: int, user=Depends(get_current_user)):
            if tenant_id != user.tenant_id:
                raise Forbidden
            return service.list(tenant_id)
        """,
    "checked by a call": """
        @router.get("/{tenant_id}/items")
        def f(tenant_id: int, request: Request, user=Depends(get_current_user)):
            require_member(tenant_id)
            return service.list(tenant_id)
        """,
    "checked by a dependency that takes it too": """
        @router.get("/{tenant_id}/items")
        def f(tenant_id: int, _=Depends(member_of)):
            return service.list(tenant_id)

        def member_of(tenant_id: int, user=Depends(get_current_user)): ...
        """,
    "header, resolved with the credential": """
        def f(request, connection):
            tenant = resolve(request.headers.get("X-Tenant-Id"), request.headers.get("Authorization"))
            return connection.execute("SELECT id FROM items WHERE tenant_id = ?", (tenant,))
        """,
    "header, compared": """
        def f(request, connection, user):
            tenant = request.headers.get("X-Tenant-Id")
            if tenant not in user.tenants:
                raise Forbidden
            return connection.execute("SELECT id FROM items WHERE tenant_id = ?", (tenant,))
        """,
}


@pytest.mark.parametrize("name", CLIENT)
def test_a_tenant_that_the_client_chooses_is_found(name: str) -> None:
    found = [lead for lead in leads(HEAD + textwrap.dedent(CLIENT[name])) if lead.rule == "client-tenant"]
    assert len(found) == 1
    assert not found[0].accuses


def test_too_many_tenants_from_the_client_mean_that_the_rule_does_not_understand() -> None:
    one = (
        "@router.get('/{n}/{{id}}')\ndef f{n}(id: int, tenant_id: int, user=Depends(get_user)):\n    serve(tenant_id)\n"
    )
    read = project({"app/api.py": HEAD + "".join(one.format(n=n) for n in range(5))})
    assert read.of("Q5") == []
    assert "5 of 5 routes seem to take the tenant from the client" in read.notes["Q5"]


def test_a_lead_on_a_body_names_the_field_and_the_model_and_who_was_not_asked() -> None:
    source = HEAD + "@router.post('/items')\ndef f(payload: ItemCreate):\n    return create(payload.tenant_id)\n"
    read = routes(source)
    assert [lead.text for lead in read.of("Q5")] == [
        "POST /items takes tenant_id from the body (ItemCreate), and nothing in it asks who calls"
    ]
    assert [lead.code for lead in read.of("Q6")] == ["POST /items"]


@pytest.mark.parametrize("name", FROM_IDENTITY)
def test_a_tenant_that_is_held_against_the_caller_is_not(name: str) -> None:
    source = HEAD + textwrap.dedent(FROM_IDENTITY[name])
    assert [lead for lead in leads(source) if lead.rule == "client-tenant"] == []


BARE = "@router.get('{path}')\nasync def f({arguments}): ..."


@pytest.mark.parametrize(
    ("path", "arguments", "file", "bare"),
    [
        ("/files/{file_id}", "file_id: int", "app/api.py", True),
        ("/files/{download_token}", "download_token: str", "app/api.py", False),
        ("/public/{file_id}", "file_id: int", "app/api.py", False),
        ("/files/{file_id}", "file_id: int, users=Depends(get_user_service)", "app/api.py", True),
        ("/files/{file_id}", "file_id: int, user=Depends(get_user)", "app/api.py", False),
        ("/files/{file_id}", "file_id: int", "app/backoffice/api.py", False),
        ("/files", "", "app/api.py", False),
    ],
)
def test_which_routes_are_held_to_ask(path: str, arguments: str, file: str, bare: bool) -> None:
    read = project({file: HEAD + BARE.format(path=path, arguments=arguments)})
    assert [lead.code for lead in read.of("Q6")] == ([f"GET {path}"] if bare else [])
