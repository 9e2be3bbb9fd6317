"""C9-C12: Dockerfiles, services, pipelines and Terraform; only what the change introduces counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from stas_tui.isolation.base import Spec
from stas_tui.review.base import Change, ChangedFile, result
from stas_tui.review.files.introduced import LARGEST, Reader, Unreadable, introduced
from stas_tui.texts.kinds import FileKind, kind_of
from storage.check_records import CheckResult, Lead, Verdict

CHECKS = (
    Spec(id="C9", point="safety", title="images are safe", live=False,
         method="own parser on each changed Dockerfile, hadolint if installed; introduced findings only"),
    Spec(id="C10", point="safety", title="services are safe", live=False,
         method="compose files and Kubernetes manifests read as YAML; introduced findings, removed protections"),
    Spec(id="C11", point="safety", title="pipelines are safe", live=False,
         method="workflows read as YAML, zizmor and actionlint if installed; introduced findings, removed jobs"),
    Spec(id="C12", point="safety", title="infrastructure stays contained", live=False,
         method="Terraform read block by block with python-hcl2; introduced findings and removed protections only"),
)  # fmt: skip

Compared = Callable[[str, str, str], Iterable[Lead]]
"""(path, before, after) to what was taken away."""


@dataclass(frozen=True, slots=True)
class _Kind:
    check: str
    noun: str
    reads: Callable[[ChangedFile, str], bool]
    """Whether a changed file, with its new or last content, is of this kind."""
    readers: Sequence[tuple[str, Reader, bool]]
    """(tool, reader, whether it must work for the check to have looked)."""
    removed: Compared | None = None


def run(change: Change) -> Iterator[CheckResult]:
    """One result for each kind of file that the change touches."""
    for kind in _kinds():
        if change.wants(kind.check):
            yield _checked(change, kind)


def _kinds() -> tuple[_Kind, ...]:
    from stas_tui.review.files import compose, dockerfile, kubernetes, terraform, workflow
    from stas_tui.review.files.external import ACTIONLINT, HADOLINT, ZIZMOR

    def services(path: str, text: str) -> Iterable[Lead]:
        return kubernetes.read(path, text) if kubernetes.is_manifest(text) else compose.read(path, text)

    def services_removed(path: str, before: str, after: str) -> Iterable[Lead]:
        manifest = kubernetes.is_manifest(before) or kubernetes.is_manifest(after)
        return () if manifest else compose.removed(path, before, after)

    return (
        _Kind(
            "C9",
            "Dockerfile",
            lambda file, _: kind_of(file.path) is FileKind.CONTAINER and not file.path.endswith(".dockerignore"),
            (("own rules", dockerfile.read, True), ("hadolint", HADOLINT.read, False)),
        ),
        _Kind(
            "C10",
            "service file",
            lambda file, text: (
                kind_of(file.path) is FileKind.COMPOSE
                or (file.path.endswith((".yml", ".yaml")) and kubernetes.is_manifest(text))
            ),
            (("own rules", services, True),),
            services_removed,
        ),
        _Kind(
            "C11",
            "workflow",
            lambda file, _: "/workflows/" in f"/{file.path}" and file.path.endswith((".yml", ".yaml")),
            (
                ("own rules", workflow.read, True),
                ("zizmor", ZIZMOR.read, False),
                ("actionlint", ACTIONLINT.read, False),
            ),
            workflow.removed,
        ),
        _Kind(
            "C12",
            "Terraform file",
            lambda file, _: file.path.endswith(".tf"),
            (("own rules", terraform.read, True),),
            terraform.removed,
        ),
    )


def _checked(change: Change, kind: _Kind) -> CheckResult:
    leads: list[Lead] = []
    doubts: dict[str, str] = {}
    missing: dict[str, str] = {}
    tools: list[str] = []
    read = 0
    for file in change.files:
        before, after = _text(change, file, old=True), _text(change, file, old=False)
        if file.link or not kind.reads(file, after or before or ""):
            continue
        read += 1
        change.step(file.path)
        if after is not None and len(after) > LARGEST:
            doubts[file.path] = "too large"
            continue
        ours: set[int] = set()
        for tool, reader, needed in kind.readers if after is not None else ():
            try:
                found = [_milder(lead) for lead in introduced(reader, file.path, before, after or "")]
                leads += [lead for lead in found if needed or lead.line not in ours]
                ours |= {lead.line for lead in found} if needed else set()
                tools.append(tool)
            except Unreadable as error:
                (doubts if needed else missing)[file.path if needed else tool] = str(error)
        if kind.removed is not None and before is not None:
            try:
                leads += kind.removed(file.path, before, after or "")
            except Unreadable as error:
                doubts.setdefault(file.path, str(error))
    return _result(change, kind, read, leads, doubts, missing, tools)


def _result(
    change: Change,
    kind: _Kind,
    read: int,
    leads: list[Lead],
    doubts: dict[str, str],
    missing: dict[str, str],
    tools: list[str],
) -> CheckResult:
    more = {"leads": tuple(leads), "counts": {"files": read, "introduced": len(leads)}}
    tool = ", ".join(dict.fromkeys(tools))
    extra = "".join(f"; {why}" for why in missing.values())
    accused = [lead for lead in leads if lead.accuses]
    if accused:
        grave = sum(lead.severity == "crit" for lead in accused)
        reason = f"introduces {len(accused)} {'finding' if len(accused) == 1 else 'findings'}, {grave} grave{extra}"
        return result(change, kind.check, Verdict.FLAGGED, reason, tool=tool, **more)
    if not read:
        reason = f"no {kind.noun} is touched" + (f"; {change.cut}" if change.cut else "")
    elif doubts:
        path, why = next(iter(doubts.items()))
        others = f" and {len(doubts) - 1} more" if len(doubts) > 1 else ""
        reason = f"{path}{others}: {why}"
    else:
        asks = f", {len(leads)} to look at" if leads else ""
        reason = f"no lead in {read} {kind.noun}{'s' if read > 1 else ''}{asks}; reading alone proves nothing{extra}"
    return result(change, kind.check, Verdict.UNKNOWN, reason, tool=tool, **more)


def _milder(lead: Lead) -> Lead:
    """Findings in tests and examples ask only."""
    if kind_of(lead.path) is FileKind.TEST or "/examples/" in f"/{lead.path}":
        return replace(lead, accuses=False, severity="note")
    return lead


def _text(change: Change, file: ChangedFile, *, old: bool) -> str | None:
    path = file.before if old else "" if file.status == "deleted" else file.path
    if not path or file.binary:
        return None
    content = (change.base if old else change.head).read(path)
    return None if content is None else content.decode("utf-8", "replace")
