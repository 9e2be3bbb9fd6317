"""The words by which agents report trouble: spikes, failed builds, slowness, authentication (R39-R42). Pure.

Words are a lead, not a verdict, and a denial (`no errors`) is no report.
"""

from __future__ import annotations

import re

from stas_tui.texts.lines import bare, one_line, redacted
from storage.records import Message

POST_DEPLOY = "post-deploy"
SPIKE = "spike"
BUILD = "build"
SLOW = "slow"
AUTH = "auth"
KINDS = (SPIKE, BUILD, SLOW, AUTH)

ROWS = {POST_DEPLOY: "R38", SPIKE: "R39", BUILD: "R40", SLOW: "R41", AUTH: "R42"}
MEANS = {
    POST_DEPLOY: "reported after a deployment",
    SPIKE: "an error-rate spike was mentioned",
    BUILD: "build failures may be an infrastructure issue",
    SLOW: "slow responses may be a scaling issue",
    AUTH: "authentication errors may mean that a secret needs rotation",
}
_WORDS = {
    BUILD: re.compile(
        r"\b(builds? (?:is |are |has |have )?(?:fail\w*|broke\w*|error\w*|red)|fail\w* (?:to )?build\w*|build failures?"
        r"|(?:image|docker) (?:pull|build)\w*.{0,30}(?:fail|error|back ?off)\w*|(?:errimagepull|imagepullbackoff)"
        r"|(?:failed|error|cannot|unable) (?:to )?pull\w*|ci (?:is )?(?:red|fail\w*|broke\w*)"
        r"|pipeline (?:is )?(?:red|fail\w*|broke\w*)"
        r"|npm err|pip\w* .{0,20}(?:fail|error)\w*|dependency (?:resolution|conflict)\w*|compilation (?:fail"
        r"|error)\w*)",
        re.IGNORECASE,
    ),
    AUTH: re.compile(
        r"\b(401|403|unauthori[sz]ed|forbidden|authenticat\w+ (?:error|fail|reject)\w*|auth(?:n|z)? (?:error|fail)\w*"
        r"|(?:fail\w*|cannot|unable to) (?:to )?(?:authenticate|log ?in|sign in)|(?:invalid|expired"
        r"|revoked) (?:\w+ )?(?:token|credential"
        r"|key|secret|certificate|password)s?|(?:token|credential|key|secret|certificate)s? (?:\w+ )?(?:has "
        r"|have |is |are )?"
        r"(?:expired|rejected|invalid|revoked)|permission denied)\b",
        re.IGNORECASE,
    ),
    SLOW: re.compile(
        r"\b(slow(?:er|ly|ness)?|latenc(?:y|ies)|timeouts?|timed? out|time-?outs|p9[59]|response times?|hang(?:s"
        r"|ing)?|sluggish"
        r"|takes? (?:too long|\d+ ?(?:s|sec\w*|min\w*)))\b",
        re.IGNORECASE,
    ),
    SPIKE: re.compile(
        r"\b(error[- ]?rates?|errors? (?:spik\w*|surg\w*|jump\w*|rising|increas\w*|went up)|spik\w*|5xx|50[0-4]s?"
        r"|(?:many|more|lots of|elevated) (?:errors?|exceptions?|failures?)|exceptions? (?:spik\w*|rising))\b",
        re.IGNORECASE,
    ),
}
_ISSUE = re.compile(
    r"\b(errors?|fail(?:s|ed|ing|ure|ures)?|broken?|broke|regress\w*|crash\w*|exceptions?|down|outage|degraded"
    r"|issues?|problems?"
    r"|incident|roll(?:ed)? ?back|stuck|missing|wrong|unavailable|panic|oom\w*|leak\w*)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:no|zero|0|without|not any|free of)\s+(?:\w+\s+){0,2}(?:errors?|failures?|issues?|problems?|exceptions?"
    r"|regressions?|timeouts?"
    r"|incidents?|crash\w*|slow\w*|latency|spikes?|5xx)\b|\b(?:error|failure|problem|issue)[- ]free\b"
    r"|\b(?:errors?|issues?|problems?|failures?|builds?) (?:is|are|was|were|has been|have been) (?:fixed|resolved"
    r"|gone|solved|green)\b",
    re.IGNORECASE,
)
_JOB = re.compile(r"\b(?:job|stage|workflow|check)[:\s]+[`\"“']?([\w./\-]{2,60})", re.IGNORECASE)
_NUMBERS = re.compile(r"\b(?:0x)?[0-9a-f]{7,64}\b|\b\d[\d.:,]*\b", re.IGNORECASE)
_NOISE = re.compile(r"[^\w/#.]+")
_ALL = 4_000


def issue_kinds(text: str) -> frozenset[str]:
    """The kinds of trouble a text mentions; `issue` for trouble of no particular kind. Denials do not count."""
    said = _DENIED.sub(" ", bare(text[:_ALL]))
    kinds = {kind for kind, words in _WORDS.items() if words.search(said)}
    if kinds or _ISSUE.search(said):
        kinds.add("issue")
    return frozenset(kinds)


def text_of(message: Message) -> str:
    """What of a message is read for words."""
    return f"{message.subject}\n{message.body}"


def telling_line(kind: str, message: Message) -> str:
    """The line of a message that made it a report of this kind."""
    for line in (*message.body[:_ALL].splitlines(), message.subject):
        if _WORDS[kind].search(_DENIED.sub(" ", bare(line))):
            return one_line(redacted(line), 160)
    return one_line(redacted(message.subject), 160)


def signature(line: str) -> str:
    """A line without what differs between two reports of the same: numbers, hashes, punctuation."""
    return _NOISE.sub(" ", _NUMBERS.sub("#", line.lower())).strip()


def job_in(message: Message) -> str:
    """The job, stage or check that a message names; empty if it names none."""
    job = _JOB.search(text_of(message))
    return job.group(1).lower() if job else ""
