"""What kind of file a path names, judged by its name alone, and which service it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache


class FileKind(StrEnum):
    """Kinds that the routine treats differently; a path has exactly one."""

    ISOLATION = "isolation"
    """Code or policy that keeps tenants apart, or that says who the caller is."""
    MIGRATION = "migration"
    CONTAINER = "container"
    COMPOSE = "compose"
    DEPLOY_WORKFLOW = "deploy workflow"
    WORKFLOW = "workflow"
    TERRAFORM = "terraform"
    ORCHESTRATION = "orchestration"
    """Cluster manifests, proxies, gateways."""
    SECRET = "secret"  # noqa: S105 - a kind of file, not a password
    MONITORING = "monitoring"
    DEPENDENCIES = "dependencies"
    CONFIG = "config"
    TEST = "test"
    DOCS = "docs"
    CODE = "code"
    OTHER = "other"


INFRA = frozenset(
    {
        FileKind.MIGRATION,
        FileKind.CONTAINER,
        FileKind.COMPOSE,
        FileKind.DEPLOY_WORKFLOW,
        FileKind.WORKFLOW,
        FileKind.TERRAFORM,
        FileKind.ORCHESTRATION,
        FileKind.CONFIG,
        FileKind.SECRET,
    }
)
"""Files whose change is infrastructure work (section 8 of the routine: container files, CI, configs, migrations)."""

HARMLESS = frozenset({FileKind.DOCS, FileKind.TEST, FileKind.MONITORING})
"""Kinds that run no tenant's request."""

_RULES: tuple[tuple[FileKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            FileKind.TEST,
            r"(^|/)(tests?|spec|__tests__|e2e)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.\w+$|\.(test|spec)\.\w+$",
        ),
        (
            FileKind.DOCS,
            r"(^|/)docs?/.*\.(md|rst|txt|adoc|png|svg)$|\.(md|rst|adoc)$|(^|/)(license|changelog|authors)[^/]*$",
        ),
        (
            FileKind.MIGRATION,
            r"(^|/)(alembic|migrations?|flyway|liquibase|schema_changes)/.*\.(py|sql|rb|ts|js|xml|ya?ml)$"
            r"|(^|/)db/migrate/|\.(up|down)\.sql$|(^|/)V\d+__[^/]*\.sql$",
        ),
        (
            FileKind.ISOLATION,
            r"(^|[/_.\-])(tenan(t|ts|cy)|multi[_\-]?tenan\w*|rls|row[_\-]?level[_\-]?security|isolation)([/_.\-]|$)"
            r"|(^|/)(auth|authz|authn|authentication|authorization|permissions?|policies)([/_.\-]|$)",
        ),
        (
            FileKind.DEPLOY_WORKFLOW,
            r"(^|/)\.(github|gitea|forgejo)/workflows/[^/]*(deploy|release|publish|rollout|promote|(^"
            r"|[/_\-])cd[_.\-])[^/]*$",
        ),
        (
            FileKind.WORKFLOW,
            r"(^|/)\.(github|gitea|forgejo)/(workflows|actions)/|(^|/)\.gitlab-ci[^/]*$|(^|/)\.circleci/|(^"
            r"|/)jenkinsfile[^/]*$"
            r"|(^|/)azure-pipelines[^/]*$|(^|/)\.buildkite/|(^|/)bitbucket-pipelines\.yml$",
        ),
        (
            FileKind.MONITORING,
            r"(^|/)(monitoring|alerts?|alerting|dashboards?|grafana|prometheus|alertmanager|loki|otel)([/.\-_]|$)"
            r"|(^|/)[^/]*[._\-](rules|alerts?|dashboard)\.(ya?ml|json)$",
        ),
        (FileKind.COMPOSE, r"(^|/)(docker-)?compose[^/]*\.ya?ml$"),
        (FileKind.CONTAINER, r"(^|/)((docker|container)file[^/]*|[^/]*\.(docker|container)file|\.dockerignore)$"),
        (FileKind.TERRAFORM, r"\.(tf|tfvars|hcl)$|(^|/)(terraform|pulumi|cloudformation|terragrunt)/"),
        (
            FileKind.ORCHESTRATION,
            r"(^|/)(k8s|kubernetes|helm|charts?|kustomize|manifests|argocd|flux|nginx|traefik|envoy|haproxy"
            r"|ingress|gateway"
            r"|ansible|systemd)([/.\-_]|$)|(^|/)(kustomization|chart)\.ya?ml$|(^|/)(nginx|haproxy"
            r"|caddyfile)[^/]*$|\.service$",
        ),
        (
            FileKind.SECRET,
            r"(^|/)\.env([.\-][^/]*)?$|(^|/)(secrets?|credentials?|vault|sops)([/._\-]|$)|\.(pem|key|p12|age|gpg)$",
        ),
        (
            FileKind.DEPENDENCIES,
            r"(^|/)(requirements[^/]*\.txt|constraints[^/]*\.txt|pyproject\.toml|package(-lock)?\.json|yarn\.lock"
            r"|pnpm-lock\.yaml"
            r"|poetry\.lock|uv\.lock|go\.(mod|sum)|cargo\.(toml|lock)|gemfile(\.lock)?|pom\.xml|build\.gradle[^/]*)$",
        ),
        (
            FileKind.CONFIG,
            r"(^|/)(config|conf|configs|settings|env|environments)([/._\-]|$)|\.(ini|cfg|conf|toml|ya?ml"
            r"|properties|json|env)$",
        ),
        (FileKind.CODE, r"\.(py|js|jsx|ts|tsx|go|rs|java|kt|rb|php|c|h|cc|cpp|cs|sh|sql|scala|ex|exs|swift)$"),
    )
)
_LABELS: dict[FileKind, str] = {
    FileKind.CONTAINER: "container definitions",
    FileKind.COMPOSE: "service orchestration",
    FileKind.WORKFLOW: "CI/CD pipelines",
    FileKind.DEPLOY_WORKFLOW: "CI/CD pipelines",
    FileKind.TERRAFORM: "infrastructure as code",
    FileKind.MIGRATION: "database migrations",
}


@lru_cache(maxsize=16_384)
def kind_of(path: str) -> FileKind:
    """The kind of one path; the first rule that matches decides."""
    for kind, pattern in _RULES:
        if pattern.search(path):
            return kind
    return FileKind.OTHER


def label_of(kind: FileKind) -> str:
    """The routine's own words for a kind, as its prompt template has them in brackets."""
    return _LABELS.get(kind, kind.value)


def by_kind(paths: Iterable[str]) -> dict[FileKind, list[str]]:
    """Paths grouped by kind, each group sorted."""
    groups: dict[FileKind, list[str]] = {}
    for path in sorted(paths):
        groups.setdefault(kind_of(path), []).append(path)
    return groups


@lru_cache(maxsize=4_096)
def _named(service: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9]){re.escape(service.lower())}(?![a-z0-9])")


def service_of(path: str, services: Sequence[str]) -> str | None:
    """The service whose name a path carries as a whole word; the longest name wins, None if no name is in it."""
    lower = path.lower()
    hits = [name for name in services if name and _named(name).search(lower)]
    return max(hits, key=lambda name: (len(name), name)) if hits else None


def services_in(text: str, services: Sequence[str]) -> tuple[str, ...]:
    """The services a text names as whole words, in the order given."""
    lower = text.lower()
    return tuple(name for name in services if name and _named(name).search(lower))


def inside(path: str) -> bool:
    """True if a path stays inside its repository: relative, no `..`, not git's own folder, no control characters."""
    parts = path.split("/")
    return bool(path) and not (
        path.startswith(("/", "~", "\\"))
        or ".." in parts
        or ".git" in (part.lower() for part in parts)
        or re.match(r"[A-Za-z]:", path)
        or any(ord(char) < 32 or ord(char) == 127 for char in path)
    )
