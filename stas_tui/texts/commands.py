"""The commands in a prompt's «Verification Steps» (R86): which lines are commands, and how a line is run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

_HEADING = re.compile(r"^(#{1,6})\s+(.*?)[\s:#]*$")
_FENCE = re.compile(r"^\s{0,3}(```+|~~~+)\s*([\w+-]*)")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?(.*\S)\s*$")
_TICKED = re.compile(r"^(`+)\s*(.+?)\s*\1(.*)$")
_REMARK = re.compile(r"\s+\((?:[^()]|\([^()]*\))*\)\s*[.;]?$")
_SHELL_FENCES = frozenset({"", "bash", "sh", "shell", "zsh", "console", "shell-session", "terminal"})
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=\S*$")

_PROGRAMS = frozenset(
    """
    actionlint alembic amtool ansible ansible-lint ansible-playbook aws az bash bats black bun bundle cargo cat
    certbot cmake composer coverage curl deno dig diff django-admin docker docker-compose dotnet echo env false find
    flake8 flyway gcloud gh git gitleaks go golangci-lint gradle grep hadolint helm hurl isort java jest journalctl
    jq just k6 kind kubeconform kubectl kubeval kustomize ls make markdownlint mvn mypy nc newman nginx nmap node
    nox npm npx openssl packer pg_dump pg_isready php pip ping playwright pnpm podman poetry pre-commit promtool
    psql pyright pytest python python3 rake redis-cli rg ruff sed sh shellcheck skaffold sqlfluff sqlite3 squawk ss
    ssh stat systemctl tail task terraform test tflint tofu tox trivy true tsc uv uvx vitest wc wget yamllint yarn
    yq zizmor ./gradlew ./mvnw
    """.split()  # noqa: SIM905
)
_NEED_AN_ADDRESS = frozenset({"curl", "wget", "ping", "dig", "nc"})
_PROSE = frozenset(
    """
    sure that the a an to if whether all each every your our this is are it for new in of with and on
    """.split()  # noqa: SIM905
)
_OPERATORS = frozenset("|&;<>()")
_BUILTINS = frozenset(
    {"cd", "export", "source", ".", "set", "unset", "ulimit", "[", "[[", "if", "for", "while", "!", "{"}
)
_CONTAINER_PROGRAMS = frozenset({"docker", "docker-compose", "podman"})
_WITHOUT_ENGINE = frozenset({"config", "--version", "version", "--help", "help"})


def verification_commands(prompt: str) -> list[str]:
    """The runnable lines of the section «Verification Steps», in order.

    In fenced shell blocks every line counts (a leading `$ ` is dropped, a trailing backslash joins lines); in lists an
    item counts if it is set in backticks or begins with a program people verify with. A remark in parentheses at
    the end is no part of the command. Sentences such as «Check monitoring dashboards» are no commands.
    """
    return commands_of(_section(prompt))


def commands_of(lines: Iterable[str]) -> list[str]:
    """The runnable lines among the lines of such a section, each once, in order."""
    commands: list[str] = []
    fence, shell = "", False
    joined = ""
    for line in lines:
        mark = _FENCE.match(line)
        if fence:
            if mark and mark.group(1).startswith(fence) and not mark.group(2):
                fence, joined = "", _flush(joined, commands)
            elif shell:
                joined = _fenced_line(joined, line, commands)
        elif mark:
            fence, shell = mark.group(1), mark.group(2).lower() in _SHELL_FENCES
        elif item := _BULLET.match(line):
            command = _item(item.group(1))
            if command:
                commands.append(command)
    _flush(joined, commands)
    return list(dict.fromkeys(commands))


def _section(prompt: str) -> list[str]:
    lines: list[str] = []
    level, fence = 0, ""
    for line in prompt.splitlines():
        mark = _FENCE.match(line)
        heading = None if fence else _HEADING.match(line)
        if mark:
            fence = "" if fence and mark.group(1).startswith(fence) else fence or mark.group(1)
        if heading and level and len(heading.group(1)) <= level:
            break
        if heading and not level and heading.group(2).strip().lower() in ("verification steps", "verification"):
            level = len(heading.group(1))
        elif level:
            lines.append(line)
    return lines


def _fenced_line(joined: str, line: str, commands: list[str]) -> str:
    text = line.strip()
    if not joined:
        text = text.removeprefix("$ ").removeprefix("> ")
        if not text or text.startswith("#"):
            return ""
    if text.endswith("\\") and not text.endswith("\\\\"):
        return f"{joined} {text[:-1].rstrip()}".lstrip()
    return _flush(f"{joined} {text}".strip(), commands)


def _flush(text: str, commands: list[str]) -> str:
    if text:
        commands.append(text)
    return ""


def _item(text: str) -> str:
    ticked = _TICKED.match(text)
    if ticked:
        return ticked.group(2) if _looks_started(ticked.group(2)) else ""
    text = _REMARK.sub("", text).strip()
    words = text.split()
    if not words:
        return ""
    first = next((w for w in words if not _ASSIGNMENT.match(w)), "")
    if first not in _PROGRAMS and not re.match(r"^\.{0,2}/[\w.-]+", first):
        return ""
    rest = words[words.index(first) + 1 :]
    if rest and rest[0].lower() in _PROSE:
        return ""
    if first in _NEED_AN_ADDRESS and not any(re.search(r"[./:$]|localhost", word) for word in rest):
        return ""
    return text


def _looks_started(text: str) -> bool:
    """A backticked text that is a command and not a lone name such as `README.md` or `200`."""
    words = text.split()
    first = next((w for w in words if not _ASSIGNMENT.match(w)), "")
    return len(words) > 1 or first in _PROGRAMS or first.startswith(("./", "/"))


@dataclass(frozen=True, slots=True)
class Line:
    """A command line, judged: how to start it and what it needs."""

    argv: tuple[str, ...]
    programs: tuple[str, ...]
    """The first word of each part; what must be on the PATH."""
    engine: str
    """The container program whose engine must answer, or empty."""
    problem: str = ""
    """Why it cannot be run at all."""


def line_of(command: str, shell: str) -> Line:
    """Judge a line. Plain words are run without a shell; a line with shell syntax is given to `shell -c` as it is.

    A person approved the line as it is shown, pipes and all; nothing is put into it.
    """
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>()")
        lexer.whitespace_split = True
        lexer.commenters = ""
        tokens = list(lexer)
        plain = shlex.split(command)
    except ValueError:
        return Line((), (), "", "the line has an open quote")
    if not plain:
        return Line((), (), "", "the line is empty")
    parts: list[list[str]] = [[]]
    skip = False
    for token in tokens:
        if set(token) <= _OPERATORS:
            skip = set(token) & {"<", ">"} != set()
            if not skip:
                parts.append([])
        elif skip:
            skip = False
        elif parts[-1] or not _ASSIGNMENT.match(token):
            parts[-1].append(token)
    heads = [part for part in parts if part]
    programs = tuple(part[0] for part in heads if part[0] not in _BUILTINS and not set(part[0]) & set("$`"))
    engine = next((part[0] for part in heads if part[0] in _CONTAINER_PROGRAMS and not set(part) & _WITHOUT_ENGINE), "")
    unquoted = re.sub(r"'[^']*'", "", command)
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", unquoted)
    needs_shell = (
        any(c in unquoted for c in "$`")
        or any(c in bare for c in "|&;<>()*?[~{!\n")
        or plain[0] in _BUILTINS
        or bool(_ASSIGNMENT.match(plain[0]))
    )
    if not needs_shell:
        return Line(tuple(plain), programs, engine)
    strict = ("-o", "pipefail") if shell.endswith("bash") else ()
    return Line((shell, *strict, "-c", command), programs, engine)
