"""`review_verdict`: a person's comment or request for changes on somebody's pull request (R100-R104)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from stas_tui.forges.base import ForgeError
from stas_tui.gates import policy
from stas_tui.gates.contract import BadCall, Call, Effect, NotDone, Plan, RiskLine, Shown, Uncertain, deny
from stas_tui.gates.tools.base import BaseTool, only, scan_texts, text_of
from stas_tui.texts.lines import one_line, redacted
from storage.records import Action, EffectClass, Evidence, GateLevel, Json, PullRequest, PullReview
from storage.redact import redact

COMMENT, REQUEST_CHANGES = "comment", "request changes"
BODY_LIMIT = 60_000
"""Bytes of a text; GitHub takes 65,536 characters, and our mark needs some."""
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MARK = re.compile(r"<!--\s*stas\b")


class ReviewVerdict(BaseTool):
    """A comment or a request for changes, bound to the head that was looked at. Approving stays with people."""

    name = "review_verdict"
    effect_class = EffectClass.LOOKUP
    gated_in_every_mode = True

    def check(self, args: Mapping[str, Any]) -> Json:
        """`projectId`, `number`, `headSha`, `event` (`comment` or `request changes`) and `body`.

        The text keeps every byte but carriage returns and blank ends, which forges drop.
        """
        only(args, "projectId", "number", "headSha", "event", "body")
        number = args.get("number")
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise BadCall("number must be the number of a pull request.")
        sha = text_of(args, "headSha", limit=64).strip().lower()
        if not _SHA.fullmatch(sha):
            raise BadCall("headSha must be the whole commit that was looked at.", "Review the pull request first.")
        body = text_of(args, "body", limit=BODY_LIMIT).replace("\r\n", "\n").strip()
        if _MARK.search(body):
            raise BadCall("The text holds a mark of Stas.", "Take the line that begins with <!-- stas out.")
        event = " ".join(text_of(args, "event", limit=40).lower().replace("_", " ").split())
        return {
            "projectId": text_of(args, "projectId", limit=200),
            "number": number,
            "headSha": sha,
            "event": event,
            "body": body,
        }

    def natural_key(self, args: Json) -> str:
        """One at a time for each pull request."""
        return f"verdict:{args['projectId']}:{args['number']}"

    def plan(self, call: Call) -> Plan:
        """What is said, word for word, about which commit of whose pull request."""
        args = call.args
        event = args["event"]
        if "approve" in event:
            raise deny("R101", "Approving a pull request is a human act on the forge.", "Approve it there.")
        if event not in (COMMENT, REQUEST_CHANGES):
            raise BadCall(f"event must be «{COMMENT}» or «{REQUEST_CHANGES}».", f"Given: {event!a}.")
        policy.refuse_secrets(scan_texts(body=args["body"]), "The review")
        pr = self._open(args["projectId"], args["number"])
        repo = self.repo(args["projectId"])
        title, author = one_line(redacted(pr.title), 200), one_line(redacted(pr.author), 80) or "its author"
        evidence = [Evidence(kind="pr", ref=f"#{pr.number}", text=title, at=pr.created_at or None)]
        if call.caused_by:
            evidence.append(Evidence(kind="message", ref=call.caused_by, text="it asked for this"))
        return Plan(
            plan={
                "event": event,
                "number": pr.number,
                "pull request": title,
                "author": author,
                "head": one_line(redacted(pr.head), 250),
                "base": pr.base,
                "commit": args["headSha"],
                "project": repo.project_id,
                "repository": repo.github or repo.url,
                "body": args["body"],
            },
            preconditions={"head_sha": pr.head_sha, "state": pr.state},
            shown=Shown(
                title=f"{'Comment' if event == COMMENT else 'Request changes'} on pull request #{pr.number}",
                step="8",
                risk_level="low",
                risk=[
                    _head(args["headSha"], pr),
                    RiskLine(kind="blast radius", level="ok", text=f"{author} reads it; nothing is changed or merged"),
                    _blocks(event),
                    RiskLine(kind="rollback", level="warn", text="what was sent cannot be taken back unread"),
                ],
                evidence=evidence,
            ),
            level=GateLevel.GATE,
        )

    def _open(self, project_id: str, number: int) -> PullRequest:
        """The pull request, if it is open. Raises `Refusal`."""
        repo = self.repo(project_id)
        where = f"on GitHub in {repo.github}" if repo.github else f"in {project_id}"
        pr = self.door.forge.read_pr(repo, number)
        if pr is None:
            raise deny("R14", f"There is no pull request {number} {where}.", "Look at its number.")
        if pr.state != "open":
            raise deny("R100", f"Pull request {number} {where} is {pr.state}.", "A review before the merge is over.")
        return pr

    def preconditions_now(self, action: Action) -> Json:
        """Its head and its state, read afresh."""
        plan = _plan_of(action)
        pr = self.door.forge.read_pr(self.repo(plan["project"]), plan["number"])
        return {"head_sha": pr.head_sha, "state": pr.state} if pr is not None else {"head_sha": "", "state": "gone"}

    def intended(self, action: Action) -> Json:
        """The verdict, its commit and its text as the forge must show them."""
        plan = _plan_of(action)
        return {
            "event": plan["event"],
            "commit": plan["commit"],
            "body_sha256": _digest(plan["body"]),
            "listed": True,
        }

    def apply(self, action: Action, key: str) -> Effect:
        """Send it once, then read it back."""
        plan = _plan_of(action)
        try:
            sent = self.door.forge.review_pr(
                self.repo(plan["project"]),
                plan["number"],
                event=plan["event"],
                body=plan["body"],
                commit_sha=plan["commit"],
                author=self.rules.agent,
                key=key,
            )
        except ForgeError as error:
            if not error.sent:
                raise NotDone(error.what, error.mend) from error
            return self._looked_for(action, key, error)
        try:
            return self.find(action, key) or _effect(sent, listed=False)
        except ForgeError as error:
            raise Uncertain(f"It was sent, and cannot be read back: {error.what}", error.mend) from error

    def _looked_for(self, action: Action, key: str, lost: ForgeError) -> Effect:
        try:
            effect = self.find(action, key)
        except ForgeError as blind:
            what = f"{lost.what} Whether it happened cannot be seen: {blind.what}"
            raise Uncertain(what, lost.mend) from blind
        if effect is None:
            raise Uncertain(lost.what, lost.mend or "It is looked for before anything is repeated.") from lost
        return effect

    def find(self, action: Action, key: str) -> Effect | None:
        """The review with this action's key."""
        plan = _plan_of(action)
        reviews = self.door.forge.reviews(self.repo(plan["project"]), plan["number"])
        found = next((review for review in reviews if review.key == key), None)
        return None if found is None else _effect(found, listed=True)


def _head(sha: str, pr: PullRequest) -> RiskLine:
    if pr.head_sha == sha:
        return RiskLine(kind="seen", level="ok", text=f"it is about {sha[:12]}, the head as it is now")
    text = f"it is about {sha[:12]}; the head is {pr.head_sha[:12]} now, which nobody looked at"
    return RiskLine(kind="seen", level="crit", text=text)


def _blocks(event: str) -> RiskLine:
    if event == COMMENT:
        return RiskLine(kind="merge", level="ok", text="a comment blocks nothing")
    return RiskLine(kind="merge", level="warn", text="it blocks the merge where the branch's rules ask for reviews")


def _plan_of(action: Action) -> Json:
    assert action.revision is not None
    return action.revision.plan


def _digest(body: str) -> str:
    return hashlib.sha256(redact(body).encode()).hexdigest()


def _effect(review: PullReview, *, listed: bool) -> Effect:
    observed: Json = {
        "id": review.id,
        "url": review.url,
        "event": review.event,
        "commit": review.commit_sha,
        "body_sha256": _digest(review.body),
        "listed": listed,
    }
    return Effect(requested={"number": review.number, "event": review.event}, observed=observed)
