"""Routes of a web framework, what each asks before it runs, and which tenants come from the client."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from stas_tui.isolation.code.bodies import body_tenants, with_names
from stas_tui.isolation.code.lists import listed
from stas_tui.isolation.code.shapes import arguments, dotted, is_class, names_in, tail, text_of
from stas_tui.isolation.code.words import CALLERS, Words, snake

METHODS = listed("get post put patch delete head options route api_route websocket")
_VERBS = METHODS - {"route", "api_route"}
_DEPENDS = frozenset({"Depends", "Security", "Inject", "Provide", "FromDishka"})
_SENT = listed("headers args query_params form json cookies path_params GET POST values")
_IDENTITY = listed(
    "user auth authn authz authed authenticated authenticate authenticator authentication authorization"
    " authorized authorize authorise login logged token bearer jwt oauth oauth2 apikey identity principal"
    " permission permissions permitted role roles scope scopes acl rbac subject actor admin superuser staff member"
    " membership owner credential credentials security claims tenant organization org workspace caller signature"
    " hmac verified verify entity requires require required protected secret"
)
_NOT_IDENTITY = listed(
    "service repository repo store manager client dao crud factory settings config session db engine cache"
    " limiter rate pagination sorting query create update schema params request"
)
_BODY = re.compile(
    r"^(current_user|current_account|current_member|get_current_\w+|get_\w*user_from\w*|authenticat\w*|authoriz\w*"
    r"|\w*verify_\w*|verify|compare_digest|require_\w+|check_\w*(perm|access|auth|scope|member)\w*|request_user"
    r"|has_\w*perm\w*|jwt|decode_token\w*|login_user|construct_event)$"
)
_STATE = re.compile(
    r"(^|\.)(request|req|info\.context|g|self\.request)\.(state\.)?(user|auth|identity|account|role|tenant)\b"
)
_HINTS = (
    "current_user", "current_account", "current_member", "user_from", "uthenticat", "uthoriz", "erify", "check_", "jwt",
    "require_", "compare_digest", "request_user", "_perm", "decode_token", "login_user", "construct_event", "api-key",
    "API-Key", "ignature", "request.user", "request.state", "req.user", "req.state", "websocket.state", "g.user",
    "g.tenant", "g.auth", "context.user", "request.auth", "request.tenant", "request.account",
)  # fmt: skip
"""Parts of texts without which no body looks at the caller."""
_REQUEST = re.compile(r"(^|\.)(request|req|websocket)\.state\.")
_CONTEXTS = frozenset({"request", "req", "g", "self", "websocket", "info"})
"""Where frameworks keep who calls."""
_PLAIN = listed(
    "UUID UUID4 Request Response Session AsyncSession Any Literal Path Query Body BackgroundTasks WebSocket"
    " UploadFile Decimal Optional List Dict None"
)
_MIDDLEWARE = re.compile(r"Auth|Token|JWT|User|Login|Tenant|Identity|ApiKey|APIKey")
_SECRET = re.compile(r"^(x_)?(api_?key|token|access_token|authorization|credentials?|signature|jwt|bearer)$")
_OPEN = re.compile(
    r"(^|/)(health\w*|ready\w*|live\w*|ping|metrics|version|status|login|logout|signup|sign-up|register|auth|oauth2?|sso"
    r"|saml|callback|token|refresh|password\S*|reset\S*|public|static|assets|docs|openapi\S*|favicon\S*|robots\S*"
    r"|webhooks?|hooks?|\.well-known|csrf|verify\S*|unsubscribe|invite\S*|share\S*|embed)(/|$)"
)
_CAPABILITY = re.compile(r"[{<][^}>]*(token|secret|signature|hash|nonce|code)[^}>]*[}>]")


def is_identity(name: str) -> bool:
    """Whether a dependency, decorator or alias is named after the caller, its rights or its tenant."""
    parts = snake(name.rpartition(".")[2]).split("_")
    return bool(_IDENTITY & set(parts)) and parts[-1] not in _NOT_IDENTITY


def is_open(path: str) -> bool:
    """Whether a path is one that anybody may call by its nature, or that carries a secret of its own."""
    return bool(_OPEN.search(path)) or bool(_CAPABILITY.search(path))


def hints(source: str) -> list[int]:
    """Lines on which something may look at the caller, in order; most functions hold none and need no closer look."""
    found = []
    for hint in _HINTS:
        at = source.find(hint)
        while at >= 0:
            found.append(at)
            at = source.find(hint, at + len(hint))
    return [source.count("\n", 0, at) + 1 for at in sorted(found)]


def routes_of(
    node: ast.FunctionDef | ast.AsyncFunctionDef,
    owner: ast.ClassDef | None,
    name: str,
    words: Words,
    hinted: list[int],
) -> Iterator[dict[str, Any]]:
    """Every route that a function serves, as facts; those of `asks` and `l` line, `p` path, `m` method, `v` router,
    `f` function, `c` class, `t` tenants that the client sends, each with what stands beside it, `b` tenants in a field
    of the body's model, each with that model's class and what stands beside it.
    """
    heads = [head for decorator in node.decorator_list if (head := _head(decorator))]
    if not heads and owner is not None and node.name in _VERBS:
        own = [head for decorator in owner.decorator_list if (head := _head(decorator))]
        heads = [(path, node.name, router, call) for path, _, router, call in own]
    asked = asks(node, words, hinted) if heads else {}
    if heads and (inside := body_tenants(node, words)):
        asked["b"] = inside
        asked["n"] = {**_parameters(node), **asked.get("n", {})}
    for path, method, router, call in heads:
        found = {"l": node.lineno, "p": path, "m": method, "v": router, "f": name, **asked}
        if sent := [name for name in found.pop("t", ()) if _may_be_sent(name, path, method, node, words)]:
            found["t"] = {tenant: beside(node, tenant, words) for tenant in sent}
        if inside := found.pop("b", {}):
            renamed = with_names(node, inside)
            found["b"] = {tenant: [of, *beside(renamed, tenant, words)] for tenant, of in inside.items()}
        given = [*_dependencies(call), *_decorators(node)]
        if owner is not None:
            given += _decorators(owner)
            found["c"] = owner.name
        found["d"] = sorted({*found.get("d", ()), *given})
        yield found


def _may_be_sent(name: str, path: str, method: str, node: ast.FunctionDef | ast.AsyncFunctionDef, words: Words) -> bool:
    """Whether a parameter can come from the client: a decorator that speaks of the tenant may have filled it in, and
    where routes are written `<id>` or `.route()` only what stands in the path is a parameter of the request."""
    if any(words.mentions(decorator) for decorator in _decorators(node)):
        return False
    plain = "<" in path or any(tail(d.func) == "route" for d in node.decorator_list if isinstance(d, ast.Call))
    return not plain or re.search(rf"[<{{:](?:\w+:)?{re.escape(name)}[>}}]", path) is not None


def plainly_asks(route: dict[str, Any]) -> bool:
    """Whether a route looks at the caller by itself, and takes no tenant from the client: nothing is left to judge."""
    return not route.keys() & {"t", "b"} and bool(
        route.get("i") or any(is_identity(name) for name in route.get("d", ()) if name[0] != "@")
    )


def touches(route: dict[str, Any], reading: bool) -> bool:
    """Whether a route gets at rows of tenants, and is not open by its nature."""
    ids = "{" in route["p"] or "<" in route["p"]
    return (ids or reading or bool(route.get("t"))) and not is_open(route["p"])


def _head(decorator: ast.expr) -> tuple[str, str, str, ast.Call] | None:
    """(path, method, router, call) of a decorator that makes a route."""
    if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
        return None
    method = decorator.func.attr
    first = decorator.args[0] if decorator.args else None
    path = text_of(first) if first is not None else None
    path = path if path is not None else next((text_of(k.value) for k in decorator.keywords if k.arg == "path"), None)
    if method not in METHODS or path is None or (path and not path.startswith(("/", "{", "<", ":"))):
        return None
    verbs = next((k.value for k in decorator.keywords if k.arg == "methods"), None)
    if isinstance(verbs, ast.List | ast.Tuple | ast.Set):
        method = " ".join(text.lower() for item in verbs.elts if (text := text_of(item)))
    return path, method, dotted(decorator.func.value), decorator


def _decorators(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> list[str]:
    names = []
    for decorator in node.decorator_list:
        call = decorator.func if isinstance(decorator, ast.Call) else decorator
        if tail(call) not in METHODS:
            names.append(tail(call))
    return names


def _dependencies(call: ast.Call) -> list[str]:
    """Targets of `dependencies=[Depends(x), …]`."""
    return [name for k in call.keywords if k.arg == "dependencies" for name in targets(k.value)]


def class_dependencies(part: ast.stmt) -> list[str]:
    """What an attribute of a class-based view depends on."""
    if isinstance(part, ast.AnnAssign):
        return [*(targets(part.value) if part.value is not None else []), *_alias(part.annotation)]
    if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
        name = part.targets[0].id
        if name in ("decorators", "method_decorators", "permission_classes", "authentication_classes"):
            return list(names_in(part.value))
        return targets(part.value)
    return []


def targets(node: ast.AST) -> list[str]:
    """What `Depends(x)` and `Security(x)` inside an expression name."""
    found = []
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and tail(part.func) in _DEPENDS:
            if tail(part.func) == "Security":
                found.append("Security")
            for arg in [*part.args, *(k.value for k in part.keywords if k.arg == "dependency")]:
                found.append(tail(arg.func) if isinstance(arg, ast.Call) else tail(arg))
    return [name for name in found if name]


def _alias(annotation: ast.expr | None) -> list[str]:
    """What a parameter's type depends on; a name that may stand for `Annotated[…, Depends(…)]` is written with `@`."""
    if annotation is None:
        return []
    if isinstance(annotation, ast.Name | ast.Attribute):
        name = tail(annotation)
        return [f"@{name}"] if is_class(name) and name not in _PLAIN else []
    if isinstance(annotation, ast.Subscript) and tail(annotation.value) == "Annotated":
        parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
        calls = [part for meta in parts[1:] for part in ast.walk(meta) if isinstance(part, ast.Call)]
        return [*(tail(call.func) for call in calls), *(name for call in calls for name in targets(call))]
    if isinstance(annotation, ast.BinOp):
        return [*_alias(annotation.left), *_alias(annotation.right)]
    return []


def asks(node: ast.FunctionDef | ast.AsyncFunctionDef, words: Words, hinted: list[int]) -> dict[str, Any]:
    """What a function asks of whoever calls it, as facts.

    Keys: `d` what it depends on (types with `@`, whose alias may depend on something), `i` identity in its body,
    `n` parameters, each with what it depends on, `t` tenants that are no dependency, so that the client sends them.
    """
    depends = {argument.arg: _depends(argument, default) for argument, default in arguments(node)}
    plain = [name for name, found in depends.items() if all(one.startswith("@") for one in found)]
    facts: dict[str, Any] = {"d": sorted({name for found in depends.values() for name in found})}
    secret = next((name for name in plain if _SECRET.match(name)), "")
    if identity := (_holds_line(node, hinted) and _identity(node)) or secret:
        facts["i"] = identity
    if sent := [name for name in plain if words.holds(name)]:
        facts["t"] = sent
        facts["n"] = _parameters(node)
    return facts


def _depends(argument: ast.arg, default: ast.expr | None) -> list[str]:
    """What a parameter depends on, as `asks` says it."""
    found = targets(default) if default is not None else []
    if isinstance(default, ast.Call) and is_identity(tail(default.func)):
        found.append(tail(default.func))
    return found + _alias(argument.annotation)


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, list[str]]:
    return {argument.arg: found for argument, default in arguments(node) if (found := _depends(argument, default))}


def _holds_line(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[int]) -> bool:
    at = bisect_left(lines, node.lineno)
    return at < len(lines) and lines[at] <= (node.end_lineno or node.lineno)


def _identity(node: ast.AST) -> str:
    """How a body looks at who calls; empty if it does not."""
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute):
            name = dotted(part)
            if name and (_STATE.search(name) or (_REQUEST.search(name) and is_identity(part.attr))):
                return name
            if _BODY.match(part.attr):
                return part.attr
        elif isinstance(part, ast.Name) and _BODY.match(part.id):
            return part.id
        elif isinstance(part, ast.Call) and tail(part.func) == "getattr" and len(part.args) > 1:
            if _REQUEST.search(f"{dotted(part.args[0])}.") and is_identity(text_of(part.args[1]) or ""):
                return f"{dotted(part.args[0])}.{text_of(part.args[1])}"
        elif (text := text_of(part)) and text.lower() in ("authorization", "x-api-key", "api-key", "x-signature"):
            return text
    return ""


def beside(node: ast.AST, tenant: str, words: Words) -> list[str]:
    """Names that stand in one call or comparison with the tenant, or a word for a check of it."""
    found: set[str] = set()
    made: dict[str, ast.expr] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
            made[part.targets[0].id] = part.value
        elif isinstance(part, ast.withitem) and isinstance(part.optional_vars, ast.Name):
            made[part.optional_vars.id] = part.context_expr
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            given = {name for item in [*part.args, *(k.value for k in part.keywords)] for name in names_in(item)}
            if tenant in given:
                given.add(tail(part.func))
            if tenant in given and isinstance(part.func, ast.Attribute):
                owner = tail(part.func.value)
                given |= set(names_in(made[owner])) if owner in made else {owner}
            if tenant in given:
                found |= given
                if is_identity(tail(part.func)) and not is_class(tail(part.func)):
                    found.add(f"{tail(part.func)}()")
        elif isinstance(part, ast.Compare):
            given = set(names_in(part))
            sides = [part.left, *part.comparators]
            if any(_in_context(inner, made) for side in sides for inner in ast.walk(side)):
                found.add("compared")
            if tenant in given and len(given) > 1:
                found |= given
                found |= {"compared"} if any(_is_the_callers(side, tenant, words) for side in sides) else set()
    return sorted(found - {tenant})


def _in_context(part: ast.AST, made: dict[str, ast.expr]) -> bool:
    """Whether this is something that the framework keeps of who calls, or a name that was made from that."""
    if isinstance(part, ast.Name) and part.id in made:
        return any(isinstance(inner, ast.Attribute) and _in_context(inner, {}) for inner in ast.walk(made[part.id]))
    return isinstance(part, ast.Attribute) and bool(_REQUEST.search(f"{dotted(part)}."))


def _is_the_callers(side: ast.expr, tenant: str, words: Words) -> bool:
    """Whether a side of a comparison is a tenant that comes from who calls, and not from a row or the client."""
    for part in ast.walk(side):
        if isinstance(part, ast.Name) and part.id != tenant and (part.id in CALLERS or words.holds(part.id)):
            return True
        if isinstance(part, ast.Attribute) and words.holds(part.attr):
            root = dotted(part).partition(".")[0]
            if root in _CONTEXTS or root in CALLERS or is_identity(root):
                return True
    return False


def sent_tenant(call: ast.Call, words: Words) -> str:
    """What a call reads a tenant from that the client sent, e.g. `headers X-Tenant`; empty if it reads none."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in ("get", "getlist", "pop") or not call.args:
        return ""
    key, source = text_of(call.args[0]), tail(call.func.value)
    if isinstance(call.func.value, ast.Call):
        source = tail(call.func.value.func)
    if not key or (source not in _SENT and source != "get_json"):
        return ""
    return f"{source} {key}" if words.holds(snake(key.replace("-", "_"))) else ""


def alias(value: ast.expr) -> list[str]:
    """What a module's `X = Annotated[…, Depends(f)]` or `X = Depends(f)` depends on."""
    if isinstance(value, ast.Subscript) and tail(value.value) == "Annotated":
        return _alias(value)
    return targets(value) if isinstance(value, ast.Call) and tail(value.func) in _DEPENDS else []


def router(value: ast.expr) -> list[str] | None:
    """What every route of `X = APIRouter(dependencies=…)` depends on; None if the value is no router."""
    if not isinstance(value, ast.Call):
        return None
    name = tail(value.func)
    return _dependencies(value) if name.endswith(("Router", "Blueprint", "FastAPI", "Flask", "Namespace")) else None


def inclusion(call: ast.Call) -> dict[str, Any] | None:
    """`app.include_router(x.router, dependencies=…)` and its like, or a middleware that looks at the caller."""
    name = tail(call.func)
    if name in ("include_router", "register_blueprint", "add_namespace", "mount") and call.args:
        included = next((dotted(arg) for arg in call.args if dotted(arg)), "")
        into = dotted(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        return {"r": included, "v": into, "d": _dependencies(call)} if included else None
    if name == "add_middleware" and call.args and _MIDDLEWARE.search(tail(call.args[0])):
        return {"w": tail(call.args[0])}
    return None
