"""What is unsafe in Kubernetes manifests; part of C10, because both say how services run."""

from __future__ import annotations

from collections.abc import Iterator

from stas_tui.review.files.yaml_lines import Map, documents, items, mapping
from storage.check_records import Lead

_WORKLOADS = frozenset({"Pod", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet"})
_WORLD_BINDINGS = frozenset({"system:anonymous", "system:unauthenticated", "system:authenticated"})


def is_manifest(text: str) -> bool:
    """Whether a text looks like manifests at all."""
    return "apiVersion:" in text and "kind:" in text


def read(path: str, text: str) -> Iterator[Lead]:
    """Every finding of a file with manifests. Templates that are no YAML raise `Unreadable`."""
    for document in documents(text):
        manifest = mapping(document)
        kind = str(manifest.get("kind", ""))
        name = f"{kind}/{mapping(manifest.get('metadata')).get('name', '?')}"
        if kind in _WORKLOADS:
            yield from _workload(path, name, kind, manifest)
        elif kind in ("ClusterRoleBinding", "RoleBinding"):
            yield from _binding(path, name, manifest)
        elif kind in ("ClusterRole", "Role"):
            for _, rule, line in items(manifest.get("rules")):
                verbs = {verb for verb, _, _ in items(mapping(rule).get("verbs"))}
                things = {thing for thing, _, _ in items(mapping(rule).get("resources"))}
                if "*" in verbs and "*" in things:
                    yield _lead(path, name, line, "wildcard-grant", "may do everything to everything", "crit")


def _pod(kind: str, manifest: Map) -> Map:
    spec = mapping(manifest.get("spec"))
    if kind == "Pod":
        return spec
    if kind == "CronJob":
        spec = mapping(mapping(spec.get("jobTemplate")).get("spec"))
    return mapping(mapping(spec.get("template")).get("spec"))


def _workload(path: str, name: str, kind: str, manifest: Map) -> Iterator[Lead]:
    pod = _pod(kind, manifest)
    for key, what in (("hostNetwork", "network"), ("hostPID", "processes"), ("hostIPC", "memory")):
        if pod.get(key) is True:
            yield _lead(path, name, pod.at(key), f"host-{what}", f"shares the node's {what}", "crit")
    for _, volume, line in items(pod.get("volumes")):
        host = mapping(mapping(volume).get("hostPath")).get("path")
        if isinstance(host, str):
            yield _lead(path, name, line, "host-mount", f"mounts the node's {host}", "crit", host)
    for group in ("initContainers", "containers"):
        for _, container, line in items(pod.get(group)):
            if isinstance(container, Map):
                yield from _container(path, name, container, line, long_lived=kind not in ("Job", "CronJob"))


def _container(path: str, name: str, container: Map, line: int, *, long_lived: bool) -> Iterator[Lead]:
    who = f"{name} {container.get('name', '?')}"
    context = mapping(container.get("securityContext"))
    if context.get("privileged") is True:
        text = "runs privileged; who breaks out of it owns the node"
        yield _lead(path, who, context.at("privileged"), "privileged", text, "crit")
    image = container.get("image")
    if isinstance(image, str) and _unpinned(image):
        text = f"takes whatever {image} is on the day; name a version"
        yield _lead(path, who, container.at("image"), "image-unpinned", text, "warn", image)
    limits = mapping(mapping(container.get("resources")).get("limits"))
    if "memory" not in limits:
        text = "has no memory limit; one tenant's load can take the whole node"
        yield _lead(path, who, line, "no-limit", text, "note", accuses=False)
    if long_lived and not ({"livenessProbe", "readinessProbe"} & set(container)):
        yield _lead(path, who, line, "no-healthcheck", "says nothing about its health", "note", accuses=False)


def _unpinned(image: str) -> bool:
    tag = image.rpartition("/")[2].partition(":")[2]
    return "@sha256:" not in image and "{{" not in image and tag in ("", "latest")


def _binding(path: str, name: str, manifest: Map) -> Iterator[Lead]:
    role = str(mapping(manifest.get("roleRef")).get("name", ""))
    for _, subject, line in items(manifest.get("subjects")):
        who = str(mapping(subject).get("name", ""))
        if who in _WORLD_BINDINGS or (role == "cluster-admin" and who):
            yield _lead(path, name, line, "wide-binding", f"gives {role} to {who}", "crit", who)


def _lead(
    path: str, who: str, line: int, rule: str, text: str, severity: str, code: str = "", *, accuses: bool = True
) -> Lead:
    return Lead(
        rule=rule, text=f"{who}: {text}", path=path, line=line, code=code or who, severity=severity, accuses=accuses,
        anchor=f"{who} {rule} {code}",
    )  # fmt: skip
