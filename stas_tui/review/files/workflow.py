"""C11: what is unsafe in a GitHub workflow, and which required work a change takes away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from stas_tui.review.files.yaml_lines import Map, documents, items, mapping
from storage.check_records import Lead

_UNTRUSTED = re.compile(
    r"\$\{\{\s*[^}]*\b(github\.event\.(issue|pull_request)\.(title|body)|github\.event\.(comment|review|review_comment)"
    r"\.body|github\.event\.pages\.[^}]*page_name|github\.event\.commits?[^}]*\.(message|author\.(name|email))"
    r"|github\.event\.head_commit\.(message|author\.(name|email))|github\.event\.pull_request\.head\.(ref|label"
    r"|repo\.default_branch)|github\.head_ref)\b[^}]*\}\}"
)
_SHA = re.compile(r"@[0-9a-f]{40}$")
_OWN = re.compile(r"^(actions|github)/")
_DEPLOYS = re.compile(r"deploy|release|publish|rollout|promote", re.IGNORECASE)
_WIDE = re.compile(r"^write(-all)?$")


def read(path: str, text: str) -> Iterator[Lead]:
    """Every finding of a workflow. Raises `Unreadable`."""
    for document in documents(text):
        flow = mapping(document)
        triggers = {name for name, _, _ in items(flow.get("on"))} | (
            {flow["on"]} if isinstance(flow.get("on"), str) else set()
        )
        yield from _rights(path, "the workflow", flow)
        for name, job, line in items(flow.get("jobs")):
            if isinstance(job, Map):
                yield from _job(path, name, job, line, triggers)


def removed(path: str, before: str, after: str) -> Iterator[Lead]:
    """Jobs that are gone or may fail now. Raises `Unreadable`."""
    old, new = _jobs(before), _jobs(after)
    for name in old.keys() - new.keys():
        text = f"the job {name} is gone; if a rule requires it, nothing can be merged, if none does, nothing checks it"
        yield Lead(rule="job-removed", text=text, path=path, line=1, code=name, anchor=name)
    for name, job in new.items():
        was = old.get(name)
        if was is not None and job.get("continue-on-error") is True and was.get("continue-on-error") is not True:
            text = f"the job {name} may fail now without stopping anything"
            yield Lead(
                rule="job-optional", text=text, path=path, line=job.at("continue-on-error"), code=name, anchor=name
            )


def _jobs(text: str) -> dict[str, Map]:
    return {
        name: job
        for document in documents(text)
        for name, job, _ in items(mapping(document).get("jobs"))
        if isinstance(job, Map)
    }


def _rights(path: str, who: str, holder: Map) -> Iterator[Lead]:
    rights = holder.get("permissions")
    if isinstance(rights, str) and rights == "write-all":
        text = f"{who} may write everything with its token"
        yield Lead(
            rule="token-wide", text=text, path=path, line=holder.at("permissions"), code="permissions: write-all",
            severity="crit", anchor=f"{who} write-all",
        )  # fmt: skip
    for name, value, line in items(rights):
        if isinstance(value, str) and _WIDE.match(value) and name in ("contents", "actions", "packages", "id-token"):
            text = f"{who} may write {name} with its token; say why it must"
            yield Lead(
                rule="token-write", text=text, path=path, line=line, code=f"{name}: {value}", severity="note",
                accuses=False, anchor=f"{who} {name}",
            )  # fmt: skip


def _job(path: str, name: str, job: Map, line: int, triggers: set[str]) -> Iterator[Lead]:
    yield from _rights(path, f"the job {name}", job)
    if _DEPLOYS.search(name) and "environment" not in job and "uses" not in job:
        text = f"the job {name} deploys without an environment, so no rule of one protects it"
        yield Lead(
            rule="deploy-unprotected",
            text=text,
            path=path,
            line=line,
            code=name,
            severity="note",
            accuses=False,
            anchor=name,
        )
    for _, value, at in items(job.get("steps")):
        if isinstance(value, Map):
            yield from _step(path, name, value, at, triggers)


def _step(path: str, job: str, step: Map, line: int, triggers: set[str]) -> Iterator[Lead]:
    run = step.get("run")
    script = run if isinstance(run, str) else _script(step)
    for match in _UNTRUSTED.finditer(script):
        text = (
            f"the job {job} puts {match.group(1)} into a command; whoever writes it runs code here. Pass it through env"
        )
        yield Lead(
            rule="untrusted-in-shell", text=text, path=path, line=step.at("run") if run else line, code=match.group(0),
            severity="crit", anchor=f"{job} {match.group(1)}",
        )  # fmt: skip
    uses = step.get("uses")
    if not isinstance(uses, str):
        return
    if not uses.startswith(("./", "docker://")) and not _OWN.match(uses) and not _SHA.search(uses):
        text = f"{uses} is other people's code under a name that can move; pin it to a commit"
        yield Lead(rule="action-unpinned", text=text, path=path, line=step.at("uses"), code=uses, anchor=uses)
    if "pull_request_target" in triggers and uses.startswith("actions/checkout"):
        ref = str(mapping(step.get("with")).get("ref", ""))
        if "head" in ref:
            text = f"the job {job} runs with secrets on code of whoever opens a pull request"
            yield Lead(
                rule="target-checks-out-head", text=text, path=path, line=step.at("uses"), code=ref, severity="crit",
                anchor=job,
            )  # fmt: skip


def _script(step: Map) -> str:
    given: Any = mapping(step.get("with")).get("script", "")
    return given if isinstance(given, str) else ""
