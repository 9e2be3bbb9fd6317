"""Pull requests to review before their merge: those that touch infrastructure, and those that somebody asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stas_tui.forges.base import Repo
from stas_tui.gates.clean import clean
from stas_tui.platforms.base import PlatformError
from stas_tui.pulse.context import Context
from stas_tui.pulse.scan_sources import UNKNOWN
from stas_tui.review.runner import Review
from stas_tui.texts.inbox import pr_number_of
from stas_tui.texts.kinds import INFRA, by_kind, label_of
from stas_tui.texts.lines import count, one_line, redacted
from storage.check_records import Verdict
from storage.errors import StasError
from storage.records import Evidence, Finding, Json, Message, MessageType, PullRequest, Pulse

CHECK = "pre-merge review"
NOBODY_LOOKS = "not configured: nothing here can look"
MOST_READ = 20
"""Pull requests of a project that are read in one step, the newest first; the others are listed unread."""
CUT = "… "
"""How the last line of a forge's list of files begins if there are more (R100)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A pull request that wants a review, and why."""

    pr: PullRequest
    groups: tuple[str, ...]
    """Labels of the kinds of infrastructure files that it touches."""
    files: int
    cut: str = ""
    """What the forge does not list of its files; then it counts as touching infrastructure."""
    asked: tuple[Message, ...] = ()
    """Open messages that ask for it (R14)."""

    @property
    def why(self) -> str:
        """`database migrations and service orchestration; lena asks`."""
        parts = [", ".join(self.groups)] if self.groups else []
        parts += [f"list cut: {self.cut}"] if self.cut else []
        parts += [f"{one_line(redacted(message.sender), 40)} asks" for message in self.asked]
        return "; ".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A message asks for a review of a pull request that the forge does not have; the message stays open."""

    message: Message
    number: int
    where: str

    @property
    def text(self) -> str:
        """One sentence with number and place."""
        return f"{self.message.id} asks for a review of #{self.number}, which is not {self.where}"


def due(context: Context, project: str, repo: Repo) -> tuple[list[Due], list[Missing]]:
    """Open pull requests of others that touch infrastructure or are asked for, newest first. Raises `ForgeError`."""
    requests = _requests(context, project)
    open_ = context.door.forge.prs(repo)
    asked: dict[int, list[Message]] = {}
    for message, number in requests:
        asked.setdefault(number, []).append(message)
    found = []
    for pr in open_:
        messages = tuple(asked.get(pr.number, ()))
        if pr.task_id and pr.author == context.agent and not messages:
            continue
        names = context.door.forge.pr_files(repo, pr.number)
        cut = names[-1].removeprefix(CUT) if names and names[-1].startswith(CUT) else ""
        paths = names[:-1] if cut else names
        groups = sorted({label_of(kind) for kind in by_kind(paths) if kind in INFRA})
        if groups or cut or messages:
            found.append(Due(pr=pr, groups=tuple(groups), files=len(paths), cut=cut, asked=messages))
    return found, _missing(context, repo, asked, {pr.number for pr in open_})


def _requests(context: Context, project: str) -> list[tuple[Message, int]]:
    """Open messages that ask for a review in this project; one that names no project counts if there is only one."""
    try:
        inbox = context.door.platform.inbox()
    except PlatformError:
        return []
    only = len(context.rules.repos) == 1
    found = []
    for message in inbox:
        number = pr_number_of(message) if message.type is MessageType.REVIEW_REQUEST else None
        if number is not None and (message.project_id == project or (only and not message.project_id)):
            found.append((message, number))
    return found


def _missing(context: Context, repo: Repo, asked: dict[int, list[Message]], open_: set[int]) -> list[Missing]:
    where = f"on GitHub in {repo.github}" if repo.github else f"in {repo.project_id}"
    found = []
    for number in sorted(asked.keys() - open_):
        if context.door.forge.read_pr(repo, number) is None:
            found += [Missing(message=message, number=number, where=where) for message in asked[number]]
    return found


# step 8 -------------------------------------------------------------------------------------------


def reviews(context: Context, pulse: Pulse, project: str, repo: Repo) -> tuple[list[Json], list[str]]:
    """R100: what waits for a review, each read once by every check that needs no rehearsal; and what is not there.

    Raises `ForgeError`.
    """
    found, missing = due(context, project, repo)
    rows = []
    for n, one in enumerate(found):
        review, problem = _read(context, project, repo, one.pr) if n < MOST_READ else (None, "not read in this step")
        verdict, reason, proof = _said(one, review, problem)
        _keep(context, pulse, f"#{one.pr.number}", verdict, reason, proof)
        rows.append(
            {
                "project": project,
                "number": one.pr.number,
                "title": clean(one.pr.title),
                "author": clean(one.pr.author),
                "groups": list(one.groups),
                "why": clean(one.why),
                "head": one.pr.head_sha,
                "verdict": verdict,
                "said": clean(reason),
                "proposal": review.proposal if review else "",
                "answers": [[a.question.id, str(a.verdict), clean(a.reason)] for a in review.answers] if review else [],
            }
        )
    for lost in missing:
        proof = (Evidence(kind="message", ref=lost.message.id, text=one_line(redacted(lost.message.subject), 120)),)
        _keep(context, pulse, f"#{lost.number}", UNKNOWN, f"{lost.text}; the message stays open", proof)
    return rows, [lost.text for lost in missing]


def _read(context: Context, project: str, repo: Repo, pr: PullRequest) -> tuple[Review | None, str]:
    checker = context.door.checker
    if checker is None:
        return None, NOBODY_LOOKS
    try:
        objects = context.door.forge.pull_objects(repo, pr)
        return checker.read(project, objects.git_dir, objects.base, objects.head, pr.body), ""
    except StasError as error:
        return None, f"it could not be read: {error}"


def _said(one: Due, review: Review | None, problem: str) -> tuple[str, str, tuple[Evidence, ...]]:
    """The verdict on a pull request: flagged by any question, else unknown; reading never proves it sound."""
    pr = one.pr
    proof = [Evidence(kind="pr", ref=f"#{pr.number}", text=one_line(redacted(pr.title), 120), at=pr.created_at or None)]
    if review is None:
        return UNKNOWN, problem, tuple(proof)
    flagged = [answer for answer in review.answers if answer.verdict is Verdict.FLAGGED]
    proof += [
        Evidence(kind="file", ref=lead.place, text=one_line(f"{result.check}: {lead.text}", 120), at=result.ended_at)
        for result, lead in review.flags[:10]
        if lead.place
    ]
    if not flagged:
        open_ = count(sum(answer.verdict is Verdict.UNKNOWN for answer in review.answers), "question")
        return UNKNOWN, f"no flag, {open_} of {len(review.answers)} open", tuple(proof)
    first = f"{flagged[0].question.title}: {flagged[0].reason}"
    more = f"; also {_names([answer.question.title for answer in flagged[1:]])}" if flagged[1:] else ""
    return "flagged", f"{review.proposal}: {first}{more}", tuple(proof)


def _names(titles: Sequence[str]) -> str:
    return ", ".join(title.lower() for title in titles)


def _keep(context: Context, pulse: Pulse, subject: str, verdict: str, reason: str, proof: tuple[Evidence, ...]) -> None:
    context.findings.put(
        Finding(
            id=f"{pulse.id}:{CHECK}:{subject}",
            pulse_id=pulse.id,
            check=CHECK,
            subject=subject,
            verdict=verdict,
            reason=clean(reason),
            evidence=proof,
            at=context.clock.now(),
        )
    )
