"""What a secret looks like: patterns with literal anchors, and the entropy test on `key = value` (R82).

Standard library only, and cheap to import: the executor's shim loads this file too.

Every rule decides on at most `REACH` bytes from its anchor and never looks past the end of a line, so that a stream cut
anywhere gives the same answer as the whole text. What follows a recognised secret in its own alphabet belongs to it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

REACH = 4_096
"""No rule needs more bytes than this to decide."""

LONGEST_KNOWN = 1_024


class Found(NamedTuple):
    """A match: the whole construct, and the part of it that is the secret."""

    start: int
    end: int
    secret: int
    """Where the secret begins; it ends at `end`."""
    rule: str
    prefix: bytes
    """The rule's public prefix; safe to show."""
    tail: re.Pattern[bytes]
    """What would still belong to the secret after `end`."""


Check = Callable[[bytes, re.Match[bytes]], bool]


class Rule(NamedTuple):
    name: str
    anchors: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    tail: re.Pattern[bytes]
    folded: bool = False
    """The anchors are searched in the lower-cased text."""
    check: Check | None = None


PRIVATE_KEY = "private-key"
KEY_BEGIN = re.compile(rb"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
KEY_END = re.compile(rb"-----END (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
KEY_BODY = re.compile(
    rb"[+\-> |#*/\t\"']{0,16}(?:[A-Za-z0-9+/]{0,128}={0,3}|(?:Proc-Type|DEK-Info|Version|Comment):[^\r\n]{0,200})"
    rb"(?:\\[nr]|[\"',+\\ \t\r\n]){0,16}\Z|[^\r\n]{0,400}[A-Za-z0-9+/]{40,128}={0,3}[\"',\\nr \t]{0,8}[\r\n]?\Z"
)
KEY_MATERIAL = re.compile(rb"[A-Za-z0-9+/]{40}")

_WORD = re.compile(rb"[A-Za-z0-9_]*+")
_DASHED = re.compile(rb"[A-Za-z0-9_\-]*+")
_DOTTED = re.compile(rb"[A-Za-z0-9_.~+/=\-]*+")
_NOTHING = re.compile(rb"")
_IN_DOUBLE = re.compile(rb'(?:[^"\\\r\n]|\\[^\r\n])*+')
_IN_SINGLE = re.compile(rb"(?:[^'\\\r\n]|\\[^\r\n])*+")
_IN_ESCAPED = re.compile(rb"(?:[^\"\\\r\n]|\\(?![\"\r\n]))*+")
_BARE = re.compile(rb"(?:[^\s\"'\\,;&<>(){}\[\]`|]|\\(?![nrt\"'\s]))*+")
_IN_URL = re.compile(rb"[^\s/@\"'<>]*+")

_EDGE = rb"(?:(?<![A-Za-z0-9_\-])|(?<=\\[nrtbf]))"
"""The start of a word, also after an escaped line end inside a JSON string."""


def entropy(value: bytes) -> float:
    """Shannon entropy in bits per byte of the first 256 bytes."""
    sample = value[:256]
    if not sample:
        return 0.0
    size = len(sample)
    return -sum(n / size * math.log2(n / size) for n in (sample.count(b) for b in set(sample)))


_STANDS_FOR = re.compile(
    rb"[$<%@!&{\[(]|(?:x+|\*+|\.+|-+|_+|0+|\?+)\Z|(?:none|null|nil|true|false|undefined|unset|empty|secret|token|"
    rb"password|passwd|pass|pwd|key|string|str|bytes|test|testing|foo|bar|foobar|admin|root|user|username|postgres|"
    rb"changeit|hidden|masked|optional|required)\Z|env[.:(]|file:|arn:|(?:ref|op|ssm|sops|kms)://"
)
_STANDS_IN = (
    *(b"example", b"placeholder", b"redacted", b"dummy", b"xxxx", b"***", b"..."),
    *(b"changeme", b"change-me", b"change_me", b"your-", b"your_", b"insert-", b"insert_", b"replaceme"),
    *(b"replace-", b"replace_", b"to-do", b"os.environ", b"process.env", b"getenv", b"secretkeyref", b"vault:"),
)
_UUID = re.compile(rb"(?i)^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$")
_DIGEST = re.compile(
    rb"(?i)^(?:sha\d{1,3}|md5|blake\w{0,3})[-:]|^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})$"
)
_PREFIXED_DIGEST = re.compile(rb"(?i)^(?:sha\d{1,3}|md5|blake\w{0,3})[-:]")
_NAME_LIKE = re.compile(rb"^[A-Za-z]{1,20}(?:[-_.:/](?:[A-Za-z]{1,20}\d{0,4}|\d{1,10}))*$")
_ATTRIBUTE = re.compile(rb"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$")
_PATH = re.compile(rb"^(?:\.{0,2}|~)/")
_LETTER = re.compile(rb"[A-Za-z\x80-\xff]")
_DIGIT = re.compile(rb"\d")
_SYMBOL = re.compile(rb"[!@#$%^*?~+=]")
_UPPER = re.compile(rb"[A-Z]")
_LOWER = re.compile(rb"[a-z]")
_NAME_BEFORE = re.compile(rb"[A-Za-z0-9_.\-]{0,40}\Z")
_NOT_THE_VALUE = re.compile(
    rb"(?i)(?:name|path|file|dir|field|label|ids?|type|count|len|length|size|limit|max|min|urls?|uri|endpoint|header|ref|"
    rb"arn|ttl|expir\w*|policy|version|class|regex|pattern|prefix|suffix|env|var|hash|sha\d*|digest|checksum|"
    rb"fingerprint|hint|error|message|status|used|usage|_at|rotation|manager|store|provider|schema|format|encryption|algorithm|"
    rb"prompt)$|pub(?:lic)?[_-]?key|^(?:max|min|num|public|pub|cache|hash|sha|digest|checksum|etag)[_.\-]"
)
_PASSWORDS = (b"passw", b"pwd", b"passphrase")
_NAMED_SECRETS = (b"secret", b"credential")
_NAMED_KEYS = (
    b"api",
    b"access",
    b"auth",
    b"private",
    b"signing",
    b"encrypt",
    b"master",
    b"service",
    b"account",
    b"app",
)


def placeholder(value: bytes) -> bool:
    """True for values that stand for a secret: `changeme`, `${VAR}`, `<token>`, stars."""
    low = value[:256].lower()
    return _STANDS_FOR.match(low) is not None or any(word in low for word in _STANDS_IN)


def _random(value: bytes, bits: float) -> bool:
    return (
        _LETTER.search(value) is not None
        and _DIGIT.search(value) is not None
        and entropy(value) >= bits
        and not placeholder(value)
    )


def _check_random(value: bytes, _: re.Match[bytes]) -> bool:
    return _random(value, 3.0)


def _check_example(value: bytes, _: re.Match[bytes]) -> bool:
    return not placeholder(value)


def _check_url(value: bytes, match: re.Match[bytes]) -> bool:
    if len(value) < 3 or placeholder(value) or (value.isdigit() and len(value) < 6):
        return False
    host = match.string[match.end() : match.end() + 64].lstrip(b"@")
    documentation = re.match(rb"(?:[\w\-]+\.)?example\.(?:com|org|net)\b", host) is not None
    return not documentation or (_DIGIT.search(value) is not None and entropy(value) >= 2.5)


def _check_key_value(value: bytes, match: re.Match[bytes]) -> bool:
    text, start = match.string, match.start()
    before = _NAME_BEFORE.search(text[max(start - 40, 0) : start])
    lead = before.group() if before else b""
    word, after = match.group("word"), match.group("after")
    folded = after.lower()
    if (
        after[:1].isalpha()
        and folded[:2] not in (b"s", b"s_", b"s-", b"s.")
        and not (word.islower() and after[:1].isupper())
    ):
        return False
    if match.group("blank") is not None and not lead.startswith(b"--"):
        return False
    if match.group("xml") is not None and text[start - len(lead) - 1 : start - len(lead)] != b"<":
        return False
    name = (lead + word + after).lower()
    if not _strong_enough(name, value) or _NOT_THE_VALUE.search(name.rstrip(b"_.-")):
        return False
    if match.group("bare") is not None and (
        text[match.end() : match.end() + 1] in (b"(", b"[") or _ATTRIBUTE.match(value)
    ):
        return False
    if match.group("bare") is None and value[:1] in (b",", b";", b")", b"]", b"}", b"+", b" "):
        # the quote before it closes a text such as 'Password: '
        return False
    if _UUID.match(value) or _PREFIXED_DIGEST.match(value) or b"://" in value:
        return False
    if _PATH.match(value) and (b"." in value or entropy(value) < 4.0):
        return False
    return not placeholder(value)


def _strong_enough(name: bytes, value: bytes) -> bool:
    """Whether the value is as random as secrets under such a name are."""
    if _LETTER.search(value) is None:
        return False
    strange = _DIGIT.search(value) is not None or _SYMBOL.search(value) is not None
    if any(p in name for p in _PASSWORDS):
        return len(value) >= 6 and strange and value.count(b" ") <= 3 and entropy(value) >= 2.3
    if b" " in value or _NAME_LIKE.match(value):
        return False
    if any(p in name for p in _NAMED_SECRETS):
        return len(value) >= 8 and strange and entropy(value) >= 2.5
    if _DIGIT.search(value) is None:
        return False
    if b"token" in name or any(p in name for p in _NAMED_KEYS):
        return len(value) >= 16 and entropy(value) >= 3.0
    mixed = len(value) >= 20 and _UPPER.search(value) is not None and _LOWER.search(value) is not None
    return mixed and b":" not in value and not _DIGEST.match(value) and entropy(value) >= 3.7


_KEY_VALUE = re.compile(
    rb"(?i)(?P<word>secret|token|password|passwd|passw|pwd|passphrase|credential|key)(?P<after>[A-Za-z0-9_.\-]{0,40}+)"
    rb"(?:\\?[\"'])?\]?"
    rb"(?:[ \t]{0,8}(?::[ \t]{0,4}[A-Za-z_][A-Za-z_\[\]|. ]{0,30}=|=>|:=|={1,2}|:)[ \t]{0,8}"
    rb"|(?P<xml>>)|(?P<blank>[ \t]{1,8}))"
    rb"(?:[bruf]{1,2}(?=[\"']))?"
    rb"(?:\\\"(?P<escaped>(?:[^\"\\\r\n]|\\(?![\"\r\n])){4,64}+)|\"(?P<double>(?:[^\"\\\r\n]|\\[^\r\n]){4,64}+)"
    rb"|'(?P<single>(?:[^'\\\r\n]|\\[^\r\n]){4,64}+)"
    rb"|(?P<bare>(?:[^\s\"'\\,;&<>(){}\[\]`|]|\\(?![nrt\"'\s])){4,64}+))"
)
_KEY_VALUE_TAILS = {"escaped": _IN_ESCAPED, "double": _IN_DOUBLE, "single": _IN_SINGLE, "bare": _BARE}


def _rule(
    name: str,
    anchors: Iterable[bytes],
    pattern: bytes,
    tail: re.Pattern[bytes] = _WORD,
    *,
    folded: bool = False,
    check: Check | None = None,
) -> Rule:
    return Rule(name, tuple(anchors), re.compile(pattern), tail, folded, check)


_AWS = (b"AKIA", b"ASIA", b"AROA", b"AIDA", b"AGPA", b"ANPA", b"ABIA", b"ACCA")
_GITLAB = (b"glpat-", b"gldt-", b"glptt-", b"glrt-", b"glcbt-", b"glsoat-", b"glagent-", b"glft-", b"glimt-", b"gloas-")

RULES: tuple[Rule, ...] = (
    _rule("aws-key", _AWS, _EDGE + rb"A[A-Z]{3}[A-Z0-9]{16}(?![A-Za-z0-9])", _NOTHING, check=_check_example),
    _rule("github-token", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"gh[pousr]_[A-Za-z0-9]{30}"),
    _rule("github-token", (b"github_pat_",), rb"github_pat_[A-Za-z0-9_]{22}"),
    _rule("gitlab-token", _GITLAB, rb"gl[a-z]{2,5}-[A-Za-z0-9_\-]{20}", _DASHED),
    _rule("slack-token", (b"xox",), rb"xox[abceoprs](?:-|\.xox[bp]-)[A-Za-z0-9\-]{10}", _DASHED, check=_check_example),
    _rule("slack-token", (b"xapp-",), rb"xapp-\d-[A-Za-z0-9\-]{10}", _DASHED, check=_check_example),
    _rule(
        "slack-hook",
        (b"hooks.slack.com/",),
        rb"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9_/+\-]{20}",
        _DOTTED,
        check=_check_example,
    ),
    _rule("stripe-key", (b"sk_live_", b"sk_test_", b"rk_live_", b"rk_test_"), rb"[sr]k_(?:live|test)_[A-Za-z0-9]{16}"),
    _rule("stripe-key", (b"whsec_",), rb"whsec_[A-Za-z0-9+/]{24}", _DOTTED),
    _rule("google-key", (b"AIza",), rb"AIza[0-9A-Za-z_\-]{35}", _DASHED),
    _rule("google-token", (b"ya29.",), rb"ya29\.[0-9A-Za-z_\-]{20}", _DOTTED),
    _rule("google-key", (b"GOCSPX-",), rb"GOCSPX-[A-Za-z0-9_\-]{20}", _DASHED),
    _rule("npm-token", (b"npm_",), rb"npm_[A-Za-z0-9]{36}"),
    _rule("pypi-token", (b"pypi-",), rb"pypi-[A-Za-z0-9_\-]{50}", _DASHED),
    _rule("model-key", (b"sk-ant-",), rb"sk-ant-[A-Za-z0-9_\-]{20}", _DASHED),
    _rule("model-key", (b"sk-",), _EDGE + rb"sk-(?:[a-z]{2,8}-)?[A-Za-z0-9_\-]{32}", _DASHED, check=_check_random),
    _rule("model-key", (b"hf_",), _EDGE + rb"hf_[A-Za-z0-9]{30}"),
    _rule("docker-token", (b"dckr_pat_",), rb"dckr_pat_[A-Za-z0-9_\-]{20}", _DASHED),
    _rule("cloud-token", (b"dop_v1_", b"doo_v1_", b"dor_v1_"), rb"do[opr]_v1_[a-f0-9]{64}"),
    _rule("vault-token", (b"hvs.", b"hvb."), _EDGE + rb"hv[sb]\.[A-Za-z0-9_\-]{24}", _DASHED),
    _rule("mail-key", (b"SG.",), _EDGE + rb"SG\.[A-Za-z0-9_\-]{16,64}+\.[A-Za-z0-9_\-]{16}", _DASHED),
    _rule("age-key", (b"AGE-SECRET-KEY-1",), rb"AGE-SECRET-KEY-1[A-Z0-9]{50}"),
    _rule("storage-key", (b"AccountKey=",), rb"AccountKey=([A-Za-z0-9+/=]{40})", _DOTTED),
    _rule("jwt", (b"eyJ",), _EDGE + rb"eyJ[A-Za-z0-9_\-]{8,1024}+\.eyJ[A-Za-z0-9_\-]{8}", _DOTTED),
    _rule(
        "url-password", (b"://",), rb"://[^\s/:@\"'<>]{0,256}+:([^\s/@\"'<>]{1,512}+)(?=@)", _NOTHING, check=_check_url
    ),
    _rule("url-password", (b"://",), rb"://([A-Za-z0-9_\-]{20,512}+)(?=@)", _NOTHING, check=_check_random),
    _rule(
        "bearer",
        (b"bearer",),
        rb"(?i)bearer[ \t]{1,8}([A-Za-z0-9._~+/=\-]{16})",
        _DOTTED,
        folded=True,
        check=_check_random,
    ),
    _rule(
        "authorization",
        (b"authorization",),
        rb"(?i)authorization(?:\\?[\"'])?[ \t]{0,8}[:=][ \t]{0,8}(?:\\?[\"'])?(?:basic|token|bearer|apikey)[ \t]{1,8}"
        rb"([A-Za-z0-9._~+/=\-]{8})",
        _DOTTED,
        folded=True,
        check=_check_example,
    ),
    Rule(
        "key-value",
        (b"secret", b"token", b"passw", b"pwd", b"passphrase", b"credential", b"key"),
        _KEY_VALUE,
        _BARE,
        True,
        _check_key_value,
    ),
)

_PUBLIC_PREFIXES = tuple(
    sorted({a for r in RULES if not r.folded for a in r.anchors if a != b"://"}, key=len, reverse=True)
)


def _prefix(secret: bytes) -> bytes:
    return next((p for p in _PUBLIC_PREFIXES if secret.startswith(p)), b"")


def _matches(rule: Rule, text: bytes, folded: bytes) -> Iterator[Found]:
    where = folded if rule.folded else text
    for anchor in rule.anchors:
        at = where.find(anchor)
        while at >= 0:
            match = rule.pattern.match(text, at)
            if match is None:
                at = where.find(anchor, at + 1)
                continue
            group = match.lastgroup if rule.name == "key-value" else match.lastindex
            tail = _KEY_VALUE_TAILS.get(match.lastgroup or "", rule.tail)
            secret = match.start(group or 0)
            if rule.check is not None:
                sample = tail.match(text, match.end(), match.end() + 64)
                if not rule.check(text[secret : sample.end() if sample else match.end()], match):
                    at = where.find(anchor, at + 1)
                    continue
            rest = tail.match(text, match.end())
            end = rest.end() if rest else match.end()
            yield Found(match.start(), end, secret, rule.name, _prefix(text[secret : secret + 24]), tail)
            at = where.find(anchor, end)


def _known(values: tuple[bytes, ...], text: bytes) -> Iterator[Found]:
    for value in values:
        at = text.find(value)
        while at >= 0:
            yield Found(at, at + len(value), at, "configured", b"", _NOTHING)
            at = text.find(value, at + len(value))


def find(text: bytes, known: tuple[bytes, ...] = ()) -> list[Found]:
    """All secrets of `text` except private key blocks, in order of their start; they may overlap."""
    folded = text.lower()
    found = [hit for rule in RULES for hit in _matches(rule, text, folded)]
    found.extend(_known(known, text))
    found.sort()
    return found
