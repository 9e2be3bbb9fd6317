"""Finds what can be run, measured or only hoped for in the lines of a prompt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from stas_tui.texts.template import LINE_ITEM

# fmt: off
PROGRAMS = frozenset({
    "alembic", "ansible", "ansible-playbook", "atlas", "aws", "az", "bash", "buildah", "bun", "cargo", "cat",
    "caddy", "composer", "curl", "dig", "diff", "docker", "docker-compose", "echo", "env", "flyway", "gcloud",
    "gh", "git", "go", "gradle", "grep", "gradlew", "helm", "hey", "http", "inv", "jq", "just", "k6", "kubectl",
    "kustomize", "liquibase", "ls", "make", "mix", "mvn", "mypy", "mysql", "nginx", "nomad", "npm", "npx",
    "nslookup", "node", "pg_dump", "pg_restore", "php", "pip", "pnpm", "podman", "poetry", "pre-commit",
    "promtool", "amtool", "psql", "pulumi", "pytest", "python", "python3", "rails", "rake", "redis-cli", "ruff",
    "rsync", "ruby", "sh", "skopeo", "sqlite3", "ssh", "stat", "systemctl", "task", "terraform", "terragrunt",
    "test", "tofu", "tox", "trivy", "uv", "uvx", "vault", "wget", "yarn",
})
# fmt: on
"""Programs by whose name a line without backticks is taken for a command."""

_JUDGED = 600
"""Characters of a line by which it is judged; nobody writes a longer step."""
_WORD_CHARACTER = re.compile(r"\w")
_FENCE = re.compile(r"^ {0,3}(?:`{3,}|~{3,})")
_CODE = re.compile(r"`([^`\n]+)`")
_NOTE = re.compile(r"\s+\((?:[^()`$|;&<>]*)\)\s*$")
_PROMPT_SIGN = re.compile(r"^\$\s+")
_ASSIGNMENT = re.compile(r"^(?:[A-Z_][A-Z0-9_]*=\S*\s+)+")
_ARGUMENT = re.compile(
    r"(?:^|\s)(?:-{1,2}[A-Za-z]|\S*[/.:=_@]\S|\S*\d|&&|\|)|^(?:\S+)\s+[a-z][\w\-]*(?:\s+[a-z][\w\-]*){0,2}$"
)
_PROSE = re.compile(r"\b(the|that|and|is|are|all|health endpoints?|dashboards?|should|must|verify)\b", re.IGNORECASE)
_ACTOR = re.compile(
    r"^(?:@?[A-Z][\w.\-]+|the (?:on-?call|operator|engineer|agent|deployer|executor|person|human)\b[^,:]{0,30}"
    r"|on-?call)"
    r"[:,]?\s+(?:then\s+)?(?=\w)"
)
_VERB = re.compile(
    r"\b(runs?|executes?|appl(?:y|ies)|restores?|re-?deploys?|deploys?|rolls? (?:back|out)|downgrades?|scales?"
    r"|switch(?:es)?"
    r"|sets?|unsets?|disables?|enables?|re-?starts?|starts?|stops?|push(?:es)?|opens?|merges?|reverts?|points?"
    r"|re-?points?"
    r"|pins?|deletes?|removes?|rotates?|drains?|flips?|turns?|puts?)\b",
    re.IGNORECASE,
)
_OBJECT = re.compile(r"\S*[\w]+[./_:@#\-][\w]\S*|\b\w*\d\w*\b|“[^”]+”|\"[^\"]+\"|\{\{?\w|\b[A-Z][a-z]+[A-Z]\w*")
_REVERT_ONLY = re.compile(
    r"^(?:just\s+|simply\s+)?(?:git\s+)?revert(?:s|ing|ed)?\b(?:\s+(?:it|this|that|the|a|my|our|pr|pull request"
    r"|commits?|merge"
    r"|changes?|deployment|release|everything|all|if needed|if necessary|back))*\W*$",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:if|when|in case|should|as needed|where necessary)\b.*$", re.IGNORECASE | re.DOTALL)
_GENERIC = re.compile(
    r"\b(?:it|this|that|the|an?|all|any|every\w*|some\w*|things?|changes?|back|again|to|of|for|and|our|my|its)\b",
    re.IGNORECASE,
)
_CONTENT = re.compile(r"[^\W\d_]{3,}")
_TIME = re.compile(
    r"\b\d+(?:[.,]\d+)?\s*(?:s|sec(?:onds?)?|m|min(?:utes?)?|h|hours?)\b|\b(?:a|one|two|five|ten) minutes?\b", re.I
)
_IDENTIFIER = re.compile(
    r"\b[A-Z]{1,6}-\d+\b|\b[vV]\d[\w.]*|#\d+|\b[a-zA-Z]+\d+\b|\b\d{4}-\d\d-\d\d\b|\bsha256:\w+|\b[0-9a-f]{7,40}\b"
)
_MEASURE = re.compile(
    r"\d|\b(zero|one|two|three|four|five|six|seven|eight|nine|ten|half|twice|double)\b"
    r"|\b(at (?:least|most)|no more than|fewer than|less than|more than|exactly|exit(?:s|ed)? (?:code|with)|every"
    r"|each|none of)\b"
    r"|[<>≤≥]=?",
    re.IGNORECASE,
)
_VAGUE = re.compile(
    r"^\W*(?:works? (?:well|fine|correctly|as expected)|it works|looks? good|everything (?:is )?(?:ok|fine|works))\W*$",
    re.I,
)
_EMPTY = re.compile(
    r"^\W*(?:tbd|todo|to be (?:done|decided|defined|written)|n/?a|none|nothing|later|unknown|\?+|\.{3,}|…|-+)?\W*$",
    re.I,
)
_MANUAL = re.compile(
    r"\b(ssh(?:ing)?(?: in)?(?:to)?\s+\S+|by hand|manual(?:ly)?\b|log(?:ging)? in ?to (?:the )?\S+|(?:click"
    r"|tick) (?:on|the)\b"
    r"|in the (?:web )?(?:console|ui|dashboard) (?:set|change|press|click)|copy(?:-| and )paste|from (?:your"
    r"|my) laptop)",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"(?:\b(?:no|not|never|without|avoid|nothing|none|neither|nor|cannot|don['’]?t|doesn['’]?t|mustn['’]?t|won['’]?t"
    r"|instead of|rather than|free of)\b[^.;:!?]{0,40})$",
    re.IGNORECASE,
)


def items(lines: Iterable[str]) -> list[str]:
    """The list items, fenced lines and plain lines of a section, without marks and blanks."""
    return [text for text, _ in _pieces(lines)]


def _pieces(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """(text, fenced) for every line that says something."""
    fenced = False
    for line in lines:
        if _FENCE.match(line):
            fenced = not fenced
        elif fenced:
            if line.strip() and not line.lstrip().startswith("#"):
                yield line.strip(), True
        elif match := LINE_ITEM.match(line):
            yield match.group(1), False
        elif line.strip():
            yield line.strip(), False


def numbered(lines: Iterable[str]) -> list[str]:
    """The items of the numbered list of a section, without their numbers."""
    return [match.group(1) for line in lines if line.lstrip()[:1].isdigit() and (match := LINE_ITEM.match(line))]


def command_in(text: str, *, fenced: bool = False, first: bool = False) -> str:
    """The command a line holds: its code in backticks, the fenced line, or a line that begins with a known program.

    With `first`, code counts only at the beginning of the line. Outside code, a line of more than 2,400 characters
    holds none.
    """
    if fenced:
        return _PROMPT_SIGN.sub("", text).strip()
    if code := _CODE.match(text) if first else _CODE.search(text):
        inner = _PROMPT_SIGN.sub("", code.group(1)).strip()
        return inner if _is_command(inner, in_code=True) else ""
    if len(text) > 4 * _JUDGED:
        return ""
    line = _PROMPT_SIGN.sub("", _NOTE.sub("", text)).strip()
    return line if _is_command(line, in_code=False) else ""


def _is_command(line: str, *, in_code: bool) -> bool:
    rest = _ASSIGNMENT.sub("", line)
    first, _, arguments = rest.partition(" ")
    if first.startswith(("./", "bin/", "scripts/")):
        return True
    if first not in PROGRAMS:
        return False
    if in_code:
        return True
    return (not arguments or _ARGUMENT.search(rest) is not None) and _PROSE.search(arguments) is None


def executable(step: str) -> bool:
    """True if a step of a rollback plan says what is run or who does what (R77)."""
    step = step[:_JUDGED]
    if command_in(step):
        return not _REVERT_ONLY.match(command_in(step))
    if is_empty(step) or _REVERT_ONLY.match(step):
        return False
    plain = _CONDITION.sub("", step)
    actor = _ACTOR.match(plain)
    verb = _VERB.search(plain, actor.end() if actor else 0) or _VERB.match(plain)
    if verb is None:
        return False
    rest = plain[verb.end() :]
    return _OBJECT.search(rest) is not None or len(_CONTENT.findall(_GENERIC.sub(" ", rest))) >= 2


def only_revert(step: str) -> bool:
    """True if a step says no more than «revert» (R77)."""
    return _REVERT_ONLY.match(step[:_JUDGED].strip("` .")) is not None


def has_time(text: str) -> bool:
    """True if a text gives a time in seconds, minutes or hours."""
    return _TIME.search(text) is not None


def measurable(criterion: str) -> bool:
    """True if an acceptance criterion holds a number, a bound or an exact count (R68); ids do not count."""
    criterion = criterion[:_JUDGED]
    if _VAGUE.match(criterion):
        return False
    return _MEASURE.search(_IDENTIFIER.sub(" ", criterion)) is not None


def is_empty(text: str) -> bool:
    """True for nothing, `TBD`, `n/a`, `none`, dots and the like."""
    if len(text) > _JUDGED:
        return _WORD_CHARACTER.search(text) is None
    return _EMPTY.match(text) is not None


def unnegated(pattern: re.Pattern[str], text: str) -> list[str]:
    """The matches of a pattern that no «no», «never», «without» stands close before, in the same clause."""
    found: list[str] = []
    for match in pattern.finditer(text):
        before = text[max(match.start() - 60, text.rfind("\n", 0, match.start()) + 1) : match.start()]
        if not _NEGATION.search(before):
            found.append(match.group())
    return found


def manual_steps(lines: Sequence[str]) -> tuple[str, ...]:
    """Lines that ask a person to do by hand what a script should do (R80)."""
    return tuple(dict.fromkeys(text for text in items(lines) if unnegated(_MANUAL, text)))
