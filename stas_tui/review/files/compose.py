"""C10: what is unsafe in a compose file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stas_tui.review.files.yaml_lines import Map, documents, items, mapping
from storage.check_records import Lead

_SOCKETS = re.compile(r"(^|:)(/var)?/run/(docker|podman/podman|containerd/containerd)\.sock\b")
_HOST_ROOTS = re.compile(r"^(/|/etc|/root|/proc|/sys|/boot|/dev|/var/lib/docker)/?$")
_DATA_PORTS = frozenset(
    {"5432", "3306", "6379", "27017", "9200", "11211", "5672", "15672", "2379", "9042", "1433", "9000"}
)
_SECRET = re.compile(r"(pass(word|wd)?|secret|token|api_?key|private_?key|credential)", re.IGNORECASE)
_CAPABILITIES = frozenset({"ALL", "SYS_ADMIN", "SYS_PTRACE", "SYS_MODULE", "NET_ADMIN", "DAC_READ_SEARCH"})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "[::1]", "localhost"})
_LIMITS = ("mem_limit", "cpus", "pids_limit")


def read(path: str, text: str) -> Iterator[Lead]:
    """Every finding of a compose file. Raises `Unreadable`."""
    for document in documents(text):
        for name, service, line in items(mapping(document).get("services")):
            if isinstance(service, Map):
                yield from _service(path, name, service, line)


def removed(path: str, before: str, after: str) -> Iterator[Lead]:
    """What a service had and has no longer: health check, restart policy, limits, a port of this machine only.

    Raises `Unreadable`.
    """
    old, new = _services(before), _services(after)
    for name, service in new.items():
        was = old.get(name)
        if was is None:
            continue
        for key, text in (
            ("healthcheck", "its health check is gone; nothing restarts or routes around it any more"),
            ("restart", "its restart policy is gone; after a crash it stays down"),
        ):
            if key in was and key not in service:
                yield _lead(path, name, service.line, f"{key}-removed", text, anchor=f"{name} {key}")
        if _limits(was) and not _limits(service):
            text = "its limits are gone; one tenant's load can take the whole machine"
            yield _lead(path, name, service.line, "limits-removed", text, anchor=f"{name} limits")
        closed = {port.published for port in _published(was) if port.host in _LOOPBACK}
        for port in _published(service):
            if port.published in closed and port.host not in _LOOPBACK:
                text = f"port {port.published} was open to the machine itself only, and is on every address now"
                yield _lead(path, name, port.line, "port-opened", text, code=port.code)


def services_of(text: str) -> dict[str, Map]:
    """Services by name. Raises `Unreadable`."""
    return _services(text)


def _services(text: str) -> dict[str, Map]:
    found: dict[str, Map] = {}
    for document in documents(text):
        for name, service, _ in items(mapping(document).get("services")):
            if isinstance(service, Map):
                found[name] = service
    return found


def _limits(service: Map) -> bool:
    deployed = mapping(mapping(mapping(service.get("deploy")).get("resources")).get("limits"))
    return bool(deployed) or any(key in service for key in _LIMITS)


def _lead(path: str, service: str, line: int, rule: str, text: str, severity: str = "warn", **more: Any) -> Lead:
    code = more.pop("code", service)
    anchor = more.pop("anchor", f"{service} {code}")
    return Lead(
        rule=rule, text=f"{service}: {text}", path=path, line=line, code=code, anchor=anchor, severity=severity, **more
    )


def _service(path: str, name: str, service: Map, line: int) -> Iterator[Lead]:
    if service.get("privileged") is True:
        text = "runs privileged; who breaks out of it owns the machine"
        yield _lead(path, name, service.at("privileged"), "privileged", text, "crit", code="privileged: true")
    for key, what in (("network_mode", "network"), ("pid", "processes"), ("ipc", "memory"), ("userns_mode", "users")):
        if service.get(key) == "host":
            text = f"shares the machine's {what}"
            yield _lead(path, name, service.at(key), f"host-{what}", text, code=f"{key}: host")
    for capability, _, at in items(service.get("cap_add")):
        if capability.upper().removeprefix("CAP_") in _CAPABILITIES:
            text = f"may do {capability}, which is nearly root on the machine"
            yield _lead(path, name, at, "capability", text, "crit", code=f"cap_add: {capability}")
    yield from _volumes(path, name, service)
    yield from _image(path, name, service, line)
    yield from _ports(path, name, service)
    for key, value, at in items(service.get("environment")):
        label, literal = (key, value) if isinstance(service.get("environment"), Map) else key.partition("=")[::2]
        elsewhere = label.lower().endswith(("_file", "_path", "_name", "_url"))
        if _SECRET.search(label) and not elsewhere and isinstance(literal, str) and literal and "$" not in literal:
            text = f"{label} stands in the file; take it from the environment or a secret"
            yield _lead(path, name, at, "literal-secret", text, "crit", code=f"{label}: …")


def _volumes(path: str, name: str, service: Map) -> Iterator[Lead]:
    for text, value, at in items(service.get("volumes")):
        source = text.partition(":")[0] if text else str(mapping(value).get("source", ""))
        if _SOCKETS.search(source):
            why = "holds the engine's socket, which is root on the machine"
            yield _lead(path, name, at, "engine-socket", why, "crit", code=source)
        elif _HOST_ROOTS.match(source):
            yield _lead(path, name, at, "host-mount", f"mounts the machine's {source}", "crit", code=source)


def _image(path: str, name: str, service: Map, line: int) -> Iterator[Lead]:
    image = service.get("image")
    if not isinstance(image, str) or "$" in image or "@sha256:" in image or "build" in service:
        return
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        text = f"takes whatever {image} is on the day; name a version"
        yield _lead(path, name, service.at("image") or line, "image-unpinned", text, code=f"image: {image}")


def _ports(path: str, name: str, service: Map) -> Iterator[Lead]:
    for port in _published(service):
        if port.target in _DATA_PORTS and port.host not in _LOOPBACK:
            why = f"opens its data port {port.target} on every address of the machine"
            yield _lead(path, name, port.line, "data-port-open", why, "crit", code=port.code)


@dataclass(frozen=True, slots=True)
class _Port:
    host: str
    published: str
    target: str
    line: int
    code: str


def _published(service: Map) -> Iterator[_Port]:
    """The ports that the machine listens on; one that other containers alone reach is none."""
    for text, value, at in items(service.get("ports")):
        if text:
            parts = text.split("/", 1)[0].rsplit(":", 2)
            if len(parts) > 1:
                yield _Port(parts[0] if len(parts) == 3 else "", parts[-2], parts[-1], at, text)
        else:
            port = mapping(value)
            if "published" in port:
                target = str(port.get("target", ""))
                yield _Port(str(port.get("host_ip", "")), str(port["published"]), target, at, f"target: {target}")
