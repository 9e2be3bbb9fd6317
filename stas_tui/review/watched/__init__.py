"""C14: the change is watched: an alert rule, a scrape or a health check names each new service (R50, R104)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from stas_tui.health.alert_rules import squeezed
from stas_tui.isolation.base import Spec
from stas_tui.review.base import Change, result
from stas_tui.review.files.introduced import LARGEST, Unreadable
from stas_tui.review.files.yaml_lines import Map, documents, items, mapping
from stas_tui.texts.kinds import HARMLESS, FileKind, kind_of, service_of
from stas_tui.texts.lines import count, listed
from storage.check_records import CheckResult, Lead, Verdict

CHECKS = (
    Spec(
        id="C14",
        point="monitoring",
        title="the change is watched",
        method="new and touched services against the alert rules, scrape configuration and health checks (R50)",
        live=False,
    ),
)


@dataclass(slots=True)
class _Eyes:
    """What watches, and how we know."""

    rules: dict[str, str] = field(default_factory=dict)
    """Names to squeezed texts, of files of the repository."""
    scraped: str = ""
    files: int = 0


def run(change: Change) -> Iterator[CheckResult]:
    """Flagged for a new service that nothing watches; verified only by rules that a running server told us."""
    fresh = _new_services(change)
    touched = {
        name
        for file in change.files
        if kind_of(file.path) not in HARMLESS and (name := service_of(file.path, change.services))
    }
    eyes = _eyes(change)
    health = squeezed(" ".join(change.health))
    blind: list[Lead] = []
    seen: dict[str, str] = {}
    for name, (path, line) in {**dict.fromkeys(sorted(touched), ("", 0)), **fresh}.items():
        by = _by(change, eyes, health, name)
        if by:
            seen[name] = by
        elif name in fresh or change.alerts is not None:
            text = f"no alert rule, scrape or health check names {name}; if it fails, nobody is told"
            blind.append(Lead(rule="unwatched", text=text, path=path or name, line=line, code=name, anchor=name))
    counts = {"new services": len(fresh), "touched services": len(touched), "rules in the repository": len(eyes.rules)}
    if blind and (change.alerts is not None or eyes.files or change.health):
        reason = f"blind: nothing watches {listed([lead.code for lead in blind])}"
        yield result(change, "C14", Verdict.FLAGGED, reason, leads=tuple(blind), counts=counts)
    elif blind:
        reason = "no rules to read: neither Prometheus nor a rule file of the repository is known"
        asks = tuple(replace(lead, accuses=False) for lead in blind)
        yield result(change, "C14", Verdict.UNKNOWN, reason, leads=asks, counts=counts)
    elif seen and all(name in (change.alerts or {}) and change.alerts[name] for name in seen):  # type: ignore[index]
        total = sum(len((change.alerts or {})[name]) for name in seen)
        verb = "covers" if total == 1 else "cover"
        reason = f"{count(total, 'alert')} of the running server {verb} {listed(sorted(seen))}"
        yield result(change, "C14", Verdict.VERIFIED, reason, live=True, counts=counts, control="rules were told")
    elif seen:
        told = "; ".join(f"{name}: {by}" for name, by in sorted(seen.items()))
        yield result(change, "C14", Verdict.UNKNOWN, f"no lead, by files only: {told}", counts=counts)
    else:
        reason = "no known service is new or touched" + (f"; {change.cut}" if change.cut else "")
        yield result(change, "C14", Verdict.UNKNOWN, reason, counts=counts)


def _by(change: Change, eyes: _Eyes, health: str, name: str) -> str:
    """What names a service; empty if nothing does."""
    word = squeezed(name)
    if change.alerts and change.alerts.get(name):
        return f"alert {change.alerts[name][0]}"
    rule = next((rule for rule, text in eyes.rules.items() if word in text), "")
    if rule:
        return f"rule {rule}"
    if word in eyes.scraped:
        return "scraped"
    return "health check" if word and word in health else ""


def _new_services(change: Change) -> dict[str, tuple[str, int]]:
    from stas_tui.review.files.compose import services_of

    fresh: dict[str, tuple[str, int]] = {}
    for file in change.files:
        if kind_of(file.path) is not FileKind.COMPOSE or file.status == "deleted":
            continue
        try:
            after = services_of(_text(change.head.read(file.path)))
            before = services_of(_text(change.base.read(file.before))) if file.before else {}
        except Unreadable:
            continue
        fresh |= {name: (file.path, service.line) for name, service in after.items() if name not in before}
    return fresh


def _eyes(change: Change) -> _Eyes:
    """Rule files and scrape configurations of the head."""
    eyes = _Eyes()
    scraped = []
    for path, blob in change.head.files().items():
        if kind_of(path) is not FileKind.MONITORING or not path.endswith((".yml", ".yaml")) or blob.size > LARGEST:
            continue
        text = _text(change.head.read(path))
        try:
            read = documents(text)
        except Unreadable:
            continue
        for document in read:
            top = mapping(document)
            eyes.files += "groups" in top or "scrape_configs" in top
            for _, group, _ in items(top.get("groups")):
                for _, rule, _ in items(mapping(group).get("rules")):
                    if isinstance(rule, Map) and "alert" in rule:
                        eyes.rules[str(rule["alert"])] = squeezed(f"{rule['alert']} {rule.get('expr', '')}")
            if "scrape_configs" in top:
                scraped.append(text)
    eyes.scraped = squeezed(" ".join(scraped))
    return eyes


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")
