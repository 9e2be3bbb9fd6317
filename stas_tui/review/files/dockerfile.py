"""C9: what is unsafe in a Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from storage.check_records import Lead

_HEREDOC = re.compile(r"<<(-?)([\"']?)([A-Za-z_][A-Za-z0-9_]*)\2")
_SECRET = re.compile(r"(pass(word|wd)?|secret|token|api[_-]?key|private[_-]?key|credential)", re.IGNORECASE)
_PIPED = re.compile(
    r"\b(curl|wget)\b[^|;&]*\|\s*(sudo\s+)?(ba|z|da|a)?sh\b|\b(ba|z)?sh\s+(-c\s+)?[\"']?(\$\(|<\()\s*(curl|wget)\b"
)
_OPEN_MODE = re.compile(r"\bchmod\s+(-\w+\s+)*(0?777|a\+rwx|ugo\+rwx)\b|--chmod=0?777")
_REFERENCE = re.compile(r"^\$\{?\w+")
_ROOT_BASES = re.compile(
    r"^(docker\.io/)?(library/)?(debian|ubuntu|alpine|python|node|golang|ruby|rust|openjdk|eclipse-temurin|fedora"
    r"|centos|amazonlinux|busybox|php|perl|nginx|httpd|redis|postgres|mysql|mariadb|buildpack-deps)([:@]|$)"
)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction with its flags, its arguments, and the line on which it begins."""

    name: str
    flags: tuple[str, ...]
    value: str
    line: int


def instructions(text: str) -> list[Instruction]:
    """The instructions of a Dockerfile: continued lines joined, comments out, here-documents inside their own."""
    found: list[Instruction] = []
    escape = "\\"
    lines = text.replace("\r\n", "\n").split("\n")
    if lines and (match := re.match(r"#\s*escape\s*=\s*(\S)", lines[0], re.IGNORECASE)):
        escape = match[1]
    at = 0
    while at < len(lines):
        start, whole = at, ""
        while at < len(lines):
            line = lines[at]
            at += 1
            stripped = line.strip()
            if stripped.startswith("#") or (whole and not stripped):
                if not whole:
                    break
                continue
            if stripped.endswith(escape):
                whole += stripped[:-1] + " "
                continue
            whole += stripped
            break
        body = []
        if re.match(r"\s*(run|copy|add)\b", whole, re.IGNORECASE):
            for dash, _, word in _HEREDOC.findall(whole):
                while at < len(lines):
                    line = lines[at]
                    at += 1
                    if (line.strip("\t") if dash else line) == word:
                        break
                    body.append(line)
        parts = whole.split(None, 1)
        if parts:
            rest = (parts[1] if len(parts) > 1 else "").split()
            flags = []
            while rest and rest[0].startswith("--"):
                flags.append(rest.pop(0))
            value = " ".join(rest) + ("\n" + "\n".join(body) if body else "")
            found.append(Instruction(parts[0].upper(), tuple(flags), value, start + 1))
    return found


def read(path: str, text: str) -> Iterator[Lead]:
    """Every finding of a Dockerfile."""
    steps = instructions(text)
    stages = _stages(steps)
    names = {alias for _, alias in stages if alias}
    for step, _ in stages:
        yield from _base(path, step, names)
    for step in steps:
        yield from _one(path, step)
    yield from _final(path, steps)


def _lead(path: str, step: Instruction, rule: str, text: str, severity: str = "warn", **more: object) -> Lead:
    code = f"{step.name} {step.value}".strip().split("\n", 1)[0][:300]
    return Lead(rule=rule, text=text, path=path, line=step.line, code=code, severity=severity, **more)  # type: ignore[arg-type]


def _stages(steps: list[Instruction]) -> list[tuple[Instruction, str]]:
    found = []
    for step in steps:
        if step.name == "FROM":
            words = step.value.split()
            alias = words[2].lower() if len(words) > 2 and words[1].lower() == "as" else ""
            found.append((step, alias))
    return found


def _base(path: str, step: Instruction, names: set[str]) -> Iterator[Lead]:
    image = step.value.split()[0] if step.value else ""
    if not image or image.lower() in names or image == "scratch" or _REFERENCE.match(image) or "@sha256:" in image:
        return
    last = image.rpartition("/")[2]
    tag = last.partition(":")[2]
    if not tag or tag == "latest":
        yield _lead(
            path,
            step,
            "base-unpinned",
            f"takes whatever {image} is on the day of the build; name a version",
            anchor=image,
        )


def _one(path: str, step: Instruction) -> Iterator[Lead]:
    if step.name in ("ENV", "ARG"):
        for name, value in _pairs(step):
            if (
                _SECRET.search(name)
                and value
                and not _REFERENCE.match(value)
                and not name.lower().endswith(("_file", "_path"))
            ):
                shown = Instruction(step.name, (), f"{name}=…", step.line)
                yield _lead(path, shown, "secret-in-image", f"{name} stays readable in the image's history", "crit")
    if (
        step.name == "ADD"
        and re.match(r"https?://", step.value)
        and not any(f.startswith("--checksum") for f in step.flags)
    ):
        yield _lead(
            path, step, "remote-add", "downloads a file without a checksum; whoever serves it decides what is built"
        )
    if step.name in ("RUN", "CMD", "ENTRYPOINT") and _PIPED.search(step.value):
        yield _lead(
            path, step, "script-piped-to-shell", "runs whatever the address answers; pin a version and a checksum"
        )
    if _OPEN_MODE.search(step.value) or any(_OPEN_MODE.search(flag) for flag in step.flags):
        yield _lead(path, step, "world-writable", "lets every process change these files")


def _pairs(step: Instruction) -> Iterator[tuple[str, str]]:
    first = step.value.split("\n", 1)[0]
    if "=" not in first.split(" ", 1)[0]:
        name, _, value = first.partition(" ")
        yield name, value.strip()
        return
    for name, value in re.findall(r"([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"]*\"|'[^']*'|\S*)", first):
        yield name, value.strip("\"'")


def _final(path: str, steps: list[Instruction]) -> Iterator[Lead]:
    start = max((n for n, step in enumerate(steps) if step.name == "FROM"), default=None)
    if start is None:
        return
    stage = steps[start:]
    user = next((step for step in reversed(stage) if step.name == "USER"), None)
    base = steps[start].value.split()[0] if steps[start].value else ""
    if user is not None and re.match(r"(root|0)(:|$)", user.value):
        yield _lead(path, user, "runs-as-root", "the service runs as root in the final stage", anchor="USER root")
    elif user is None and _ROOT_BASES.match(base):
        yield _lead(
            path,
            steps[start],
            "runs-as-root",
            f"no USER in the final stage, and {base} starts as root",
            anchor="no USER",
        )
    elif user is None:
        yield _lead(
            path, steps[start], "user-unknown", f"no USER in the final stage; who {base} runs as is not known",
            "note", accuses=False, anchor="no USER",
        )  # fmt: skip
    served = next((step for step in stage if step.name == "EXPOSE"), None)
    if served is not None and not any(step.name == "HEALTHCHECK" for step in stage):
        yield _lead(
            path, served, "no-healthcheck", "serves a port and says nothing about its health",
            "note", accuses=False, anchor="no HEALTHCHECK",
        )  # fmt: skip
