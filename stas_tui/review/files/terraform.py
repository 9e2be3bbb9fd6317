"""C12: what a Terraform change opens, unprotects or grants, read block by block."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from stas_tui.review.files.introduced import Unreadable
from storage.check_records import Lead

INSTALL = "python-hcl2 is not installed (`pip install 'stas-tui[iac]'`)"
_WORLD = frozenset({"0.0.0.0/0", "::/0"})
_ADMIN_PORTS = {22: "ssh", 3389: "remote desktop", 5432: "PostgreSQL", 3306: "MySQL", 6379: "Redis", 27017: "MongoDB"}
_STATEFUL = re.compile(
    r"(db|rds|sql|dynamodb|bigtable|spanner|bucket|volume|disk|efs|filesystem|elasticache|redis|kms)"
)
_WHOLE = re.compile(r"\"?(Action|actions)\"?\s*[=:]\s*\[?\s*\"\*\"")
_EVERYTHING = re.compile(r"\"?(Resource|resources)\"?\s*[=:]\s*\[?\s*\"\*\"")


def read(path: str, text: str) -> Iterator[Lead]:
    """Every finding of a `.tf` file. Raises `Unreadable`, also without the library."""
    for kind, name, body in resources(text):
        yield from _resource(path, text, kind, name, body)


def removed(path: str, before: str, after: str) -> Iterator[Lead]:
    """Stateful resources that are gone, and `prevent_destroy` that is. Raises `Unreadable`."""
    old = {(kind, name): body for kind, name, body in resources(before)}
    new = {(kind, name): body for kind, name, body in resources(after)}
    for kind, name in old.keys() - new.keys():
        if _STATEFUL.search(kind):
            text = f"{kind}.{name} is gone: applying this destroys it with its data"
            yield Lead(rule="stateful-destroyed", text=text, path=path, line=1, code=f"{kind}.{name}", severity="crit")
    for key, body in new.items():
        if _protected(old.get(key, {})) and not _protected(body):
            kind, name = key
            text = f"{kind}.{name} may be destroyed now; prevent_destroy is gone"
            line = _line(after, kind, name)
            yield Lead(rule="prevent-destroy-removed", text=text, path=path, line=line, code=f"{kind}.{name}")


def resources(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(type, name, body) of each resource block. Raises `Unreadable`."""
    try:
        import hcl2
    except ImportError:
        raise Unreadable(INSTALL) from None
    try:
        read = hcl2.loads(text if text.endswith("\n") else text + "\n")
    except Exception as error:  # noqa: BLE001 - the parser raises many kinds, all of them mean the same
        raise Unreadable(f"no Terraform that can be read ({type(error).__name__})") from None
    found = []
    for entry in read.get("resource", []):
        for kind, named in entry.items():
            for name, body in named.items() if isinstance(named, dict) else ():
                if isinstance(body, dict):
                    found.append((_bare(kind), _bare(name), body))
    return found


def _bare(text: object) -> str:
    return str(text).strip('"')


def _blocks(body: dict[str, Any], key: str) -> list[dict[str, Any]]:
    value = body.get(key)
    return [block for block in value if isinstance(block, dict)] if isinstance(value, list) else []


def _protected(body: dict[str, Any]) -> bool:
    return any(block.get("prevent_destroy") is True for block in _blocks(body, "lifecycle"))


def _line(text: str, kind: str, name: str, key: str = "") -> int:
    """The line of a resource, or of a key inside it."""
    start = re.search(rf'resource\s+"{re.escape(kind)}"\s+"{re.escape(name)}"', text)
    if start is None:
        return 1
    at = start.start()
    if key and (inside := re.search(rf"\b{re.escape(key)}\b", text[at:])) is not None:
        at += inside.start()
    return text.count("\n", 0, at) + 1


def _resource(path: str, text: str, kind: str, name: str, body: dict[str, Any]) -> Iterator[Lead]:
    def lead(rule: str, why: str, key: str, severity: str = "crit") -> Lead:
        return Lead(
            rule=rule, text=f"{kind}.{name} {why}", path=path, line=_line(text, kind, name, key),
            code=f"{kind}.{name} {key}".strip(), severity=severity, anchor=f"{kind}.{name} {rule} {why}",
        )  # fmt: skip

    for block in _ingress(kind, body):
        if _open(block):
            port = _port(block)
            what = (
                f" to {_ADMIN_PORTS[port]}"
                if port in _ADMIN_PORTS
                else f" to port {port}"
                if port
                else " to every port"
            )
            grave = "note" if port in (80, 443) else "crit"
            yield lead("open-ingress", f"lets the whole internet in{what}", "ingress", grave)
    for key, why in (
        ("publicly_accessible", "is reachable from the internet"),
        ("skip_final_snapshot", "is destroyed without a last snapshot"),
        ("force_destroy", "is destroyed with everything in it"),
    ):
        if body.get(key) is True:
            yield lead(key.replace("_", "-"), why, key)
    if body.get("deletion_protection") is False:
        yield lead("deletion-protection-off", "may be deleted by mistake", "deletion_protection", "warn")
    if _bare(body.get("acl")) in ("public-read", "public-read-write"):
        yield lead("public-store", "can be read by anybody", "acl")
    if kind.endswith("public_access_block"):
        for key in ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"):
            if body.get(key) is False:
                yield lead("public-store", f"switches {key} off", key)
    if "iam" in kind or "policy" in kind:
        written = str(body.get("policy", "")).replace('\\"', '"')
        if _WHOLE.search(written) and _EVERYTHING.search(written):
            yield lead("wildcard-grant", "may do everything to everything", "policy")


def _ingress(kind: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    blocks = _blocks(body, "ingress")
    if kind.endswith("security_group_rule") and _bare(body.get("type")) == "ingress":
        blocks.append(body)
    if kind.endswith("security_group_ingress_rule"):
        blocks.append(body)
    if kind == "google_compute_firewall" and _bare(body.get("direction", "INGRESS")) == "INGRESS":
        blocks.append(body)
    return blocks


def _open(block: dict[str, Any]) -> bool:
    values: list[Any] = []
    for key in ("cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6", "source_ranges"):
        value = block.get(key)
        values += value if isinstance(value, list) else [value]
    return any(_bare(value) in _WORLD for value in values)


def _port(block: dict[str, Any]) -> int | None:
    low, high = block.get("from_port"), block.get("to_port")
    return low if isinstance(low, int) and low == high and low > 0 else None
