"""What makes a text from outside suspicious: orders to the agent, characters that hide, sheer size (R17).

A silent detector proves nothing: the trust mark of a message stays, whatever is found here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from stas_tui.texts.lines import bare, count, hidden_counts, listed, one_line

BODY_LIMIT = 16 * 1024
"""Characters of a message from which on it is oversize."""
LINE_LIMIT = 2_000
_READ_LIMIT = 64 * 1024
_PHRASES_SHOWN = 20

_ORDERS = re.compile(
    r"\b(?:"
    r"(?:ignore|disregard|forget|override|bypass|circumvent|skip|break|abandon)\w*\s+(?:\w+\s+){0,4}?"
    r"(?:routine|instructions?|rules?|polic(?:y|ies)|prompt|guidelines?|gates?|reviews?|approvals?|checks?|scans?"
    r"|tests?|steps?"
    r"|restrictions?|safeguards?|branch policy|vision|everything above|the above)"
    r"|(?:target|push (?:\w+ ){0,3}?(?:to|on|onto)|merge (?:\w+ ){0,3}?(?:to|into)|branch (?:\w+ ){0,2}?from"
    r"|deploy (?:\w+ ){0,2}?(?:to|from))"
    r"\s+[`'\"“]?(?:origin/)?(?:main|master|production)\b"
    r"|force[- ]push\w*|push\s+--force\S*"
    r"|(?:auto-?)?(?:approve|merge|deploy)\s+(?:\w+\s+){0,4}?(?:now|immediately|at once"
    r"|without (?:\w+ ){0,3}?(?:review|approval|asking|gate|waiting))"
    r"|without (?:asking|telling|informing|approval|confirmation|a (?:gate|human|person))"
    r"|do(?: not|n['’]t) (?:tell|inform|notify|ask|alert|mention|log|report|show)\b(?:\s+\w+){0,3}"
    r"|you (?:must|shall|have to|are (?:now|required|ordered)|will now)\b(?:\s+\w+){0,5}"
    r"|(?:as|for) (?:the|an?) (?:ai|agent|assistant|language model)\b(?:\s+\w+){0,5}"
    r"|(?:new|updated|real) (?:system )?(?:instructions?|prompt|orders?)\b\s*:?"
    r"|(?:act|behave|respond|pretend) (?:as|like|to be)\b(?:\s+\w+){1,4}"
    r"|(?:run|execute|paste|eval)\s+(?:the following|this|these)\b(?:\s+\w+){0,3}"
    r"|(?:curl|wget)\b[^\n|]{0,200}\|\s*(?:ba|z|da)?sh\b"
    r"|rm\s+-[a-z]*r[a-z]*f\S*\s+\S+"
    r"|(?:send|reveal|print|show|post|share|exfiltrate|dump|give)\s+(?:\w+\s+){0,4}?(?:secrets?|tokens?"
    r"|passwords?|credentials?|api keys?"
    r"|private keys?|environment variables|\.env)"
    r"|(?:disable|turn off|switch off|remove)\s+(?:\w+\s+){0,3}?(?:gates?|checks?|monitoring|alerts?|isolation"
    r"|logging|audit\w*|row level security"
    r"|rls|protection)"
    r"|(?:already|pre-?)\s*approved\b|approval (?:is )?not (?:needed|required)|no (?:approval|review"
    r"|gate) (?:is )?(?:needed|required)"
    r"|(?:claim|spawn|rotate|delete|drop|destroy|wipe)\s+(?:\w+\s+){0,3}?(?:immediately|now|at once|all|everything)"
    r"|ignoriere\s+(?:\w+\s+){0,4}?(?:anweisung\w*|regel\w*|routine|richtlinie\w*)"
    r"|ignore[rz]?\s+(?:\w+\s+){0,3}?(?:r[eè]gles?|consignes?|instrucciones|reglas)"
    r")",
    re.IGNORECASE,
)
_LOOKALIKES = str.maketrans("аеорсухіјѕԁһοεαιικν", "aeopcyxijsdhoeaiikv")


@dataclass(frozen=True, slots=True)
class Hidden:
    """Characters of a text that do not show."""

    count: int
    kinds: tuple[tuple[str, int], ...]
    """(`control`, `direction`, `invisible` or `broken`, how many)"""

    @property
    def said(self) -> str:
        """One clause; empty if there are none."""
        if not self.count:
            return ""
        parts = [f"{number} {kind}" for kind, number in self.kinds]
        return f"{count(self.count, 'hidden character')} ({', '.join(parts)})"


def imperative_to_agent(text: str) -> list[str]:
    """Phrases of a text that order the agent about, each once, in order; at most 20.

    Hidden characters, compatibility forms and common look-alike letters are read through.
    """
    plain = unicodedata.normalize("NFKC", bare(text[:_READ_LIMIT])).translate(_LOOKALIKES)
    found = (one_line(match.group(), 120) for match in _ORDERS.finditer(re.sub(r"[ \t\r\n]+", " ", plain)))
    return list(dict.fromkeys(found))[:_PHRASES_SHOWN]


def hidden_characters(text: str) -> Hidden:
    """How many characters of a text act or hide instead of showing, by kind."""
    kinds = tuple(sorted(hidden_counts(text).items()))
    return Hidden(sum(number for _, number in kinds), kinds)


def oversize(text: str) -> str:
    """Why a text is too large to be an ordinary message, as a clause; empty if it is not."""
    reasons: list[str] = []
    if len(text) > BODY_LIMIT:
        reasons.append(f"{len(text)} characters")
    longest = max((len(line) for line in text.split("\n")), default=0)
    if longest > LINE_LIMIT:
        reasons.append(f"a line of {longest} characters")
    return listed(reasons)
