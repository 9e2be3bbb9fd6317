"""Redaction and scanning: what is found, what is left alone, and that a stream equals the whole (R82)."""

from __future__ import annotations

import itertools
import json
import random
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import redact as module
from storage.redact import Redactor, StreamRedactor, redact, scan, scan_added, scan_names

ROOT = Path(module.__file__).resolve().parents[1]


def made(prefix: str, length: int, alphabet: str = string.ascii_letters + string.digits, seed: int = 7) -> str:
    """A token put together at run time, so that no scanner takes this file for a leak."""
    rng = random.Random(f"{prefix}{length}{seed}")
    return prefix + "".join(rng.choice(alphabet) for _ in range(length - 2)) + "a7"


BODY = "\n".join(made("", 64, string.ascii_letters + string.digits + "+/", n) for n in range(4))


def pem(kind: str = "RSA ") -> str:
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{BODY}\nQ2x3==\n-----END {kind}PRIVATE KEY-----"


JWT = ".".join((made("eyJ", 30), made("eyJ", 60), made("", 43)))
PASSWORD = made("", 14) + "!"

SECRETS: dict[str, tuple[str, str]] = {
    "aws": (made("AKIA", 16, string.ascii_uppercase + "234567").upper(), "aws_access_key_id = {}"),
    "aws secret": (made("", 40, string.ascii_letters + string.digits + "/+"), "aws_secret_access_key = {}"),
    "github": (made("ghp_", 36), "remote: {} used"),
    "github app": (made("ghs_", 36), '{{"out":"line\\n{}"}}'),
    "github fine": (made("github_pat_", 82), "export X={}"),
    "gitlab": (made("glpat-", 20), "{}"),
    "slack": (made("xoxb-", 40), "SLACK {}"),
    "slack hook": (made("", 24), "https://hooks.slack.com/services/T0AAAAAA1/B0AAAAAA1/{}"),
    "stripe": (made("sk_live_", 24), "stripe.key({})"),
    "google": (made("AIza", 35), "?key={}"),
    "npm": (made("npm_", 36), "//registry/:_authToken={}"),
    "pypi": (made("pypi-AgEIcHlwaS5vcmc", 60), "{}"),
    "anthropic": (made("sk-ant-api03-", 60), "x-api-key: {}"),
    "openai": (made("sk-proj-", 48), "{}"),
    "jwt": (JWT, "cookie session={}; path=/"),
    "url": (PASSWORD, "postgres://app:{}@db.internal:5432/app"),
    "url token": (made("", 32), "https://{}@git.internal/x.git"),
    "bearer": (made("", 32), "curl -H 'Authorization: Bearer {}'"),
    "basic": (made("", 24), "Authorization: Basic {}"),
    "json": (PASSWORD, '{{"db_password": "{}"}}'),
    "escaped json": (PASSWORD, '{{"text":"{{\\"password\\": \\"{}\\"}}"}}'),
    "yaml": (PASSWORD, "  DB_PASSWORD: {}"),
    "env": (made("", 24), "API_TOKEN={}"),
    "annotated": (PASSWORD, 'password: str = "{}"'),
    "option": (PASSWORD, "mysql --password {} -h db"),
    "xml": (PASSWORD, "<password>{}</password>"),
    "client secret": (made("", 32), "client_secret='{}'"),
    "hex key": (made("", 32, "0123456789abcdef"), "api_key: {}"),
}

DECOYS = [
    "password = changeme",
    "password = ${DB_PASSWORD}",
    "token: <token>",
    "API_KEY=your-api-key-here",
    "secret = os.environ['SECRET_1']",
    "token = get_token(user_id=12345)",
    "password = request.form.password1",
    "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
    "image@sha256:" + made("", 64, "0123456789abcdef"),
    "token_sha256 = " + made("", 64, "0123456789abcdef"),
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "request id 123e4567-e89b-12d3-a456-426614174000",
    "session_key: 123e4567-e89b-12d3-a456-426614174000",
    "https://user:pass@example.com/repo",
    "https://example.com/a?b=c",
    "max_tokens: 4096",
    "tokenizer: cl100k-base-2024-model",
    "cache_key = build-linux-x64-20240101",
    "secretName: postgres-credentials-v2",
    "password: string",
    "key: value",
    "the password is wrong; the token expired; see the secret manager",
    "Bearer <your token>",
    "keyboard=Dvorak1234567890abcDEF",
    'password: "must be at least 12 characters long"',
    "token=null&key=users:list:2024",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGr3 me@host",
    "secret: ****************",
    "def ask(prompt='Password: ', stream=None):",
    "password_encryption = scram-sha-256",
    "https://a:b@host.internal/x",
    "postgres://user:password@localhost/db",
    "secretKeyRef: {name: app, key: password}",
    "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_replaced_and_found(name: str) -> None:
    value, form = SECRETS[name]
    line = form.format(value)
    clean = redact(f"before\n{line}\nafter\n")
    assert value not in clean
    assert value[:-4] not in clean
    assert value[6:] not in clean
    assert "‹redacted:" in clean
    assert clean.startswith("before\n")
    assert clean.endswith("\nafter\n")
    hits = scan(f"before\n{line}\n", "config/app.py")
    assert [h.place for h in hits] == ["config/app.py:2"]
    assert value not in repr(hits)
    assert value[-6:] not in repr(hits)


@pytest.mark.parametrize("decoy", DECOYS)
def test_a_decoy_is_no_finding(decoy: str) -> None:
    assert scan(decoy, "x") == []


@pytest.mark.parametrize("decoy", [d for d in DECOYS if "PRIVATE KEY" not in d])
def test_a_decoy_is_left_alone(decoy: str) -> None:
    assert redact(decoy) == decoy


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize("frame", ["{}", "  {}", "+{}", "log> {}", '"{}",', "2026-01-01T00:00:00Z app[3]: {}"])
def test_a_private_key_leaves_nothing_but_its_place(kind: str, frame: str) -> None:
    text = "first\n" + "\n".join(frame.format(line) for line in pem(kind).split("\n")) + "\nlast line here.\n"
    clean = redact(text)
    assert "PRIVATE KEY" not in clean
    assert not any(line in clean for line in BODY.split("\n"))
    assert clean.startswith("first\n")
    assert clean.endswith("\nlast line here.\n")
    assert [h.rule for h in scan(text, "k")] == ["private-key"]


def test_a_private_key_inside_a_json_string() -> None:
    text = json.dumps({"key": pem(), "then": "kept"})
    clean = redact(text)
    assert BODY[:20] not in clean
    assert BODY.split("\n")[2] not in clean
    assert '"then": "kept"' in clean


def test_a_begin_marker_alone_does_not_swallow_the_log() -> None:
    clean = redact("found -----BEGIN RSA PRIVATE KEY-----\nThe next step: build it.\nAnd more, of course.\n")
    assert clean == "found ‹redacted:private-key›The next step: build it.\nAnd more, of course.\n"


def test_added_lines_name_file_and_line() -> None:
    token = SECRETS["github"][0]
    lines = [
        f"src/a:b.py:12: t = {token}",
        "src/c.py:3: fine",
        *(f"k.txt:{n}: {t}" for n, t in enumerate(pem().split("\n"), 1)),
    ]
    assert [(h.rule, h.place) for h in scan_added("\n".join(lines))] == [
        ("github-token", "src/a:b.py:12"),
        ("private-key", "k.txt:1"),
    ]


def test_names_of_files() -> None:
    bad = [
        ".env",
        "deploy/.env.production",
        "id_rsa",
        "certs/server.pem",
        ".aws/credentials",
        "a/.npmrc",
        "credentials.json",
    ]
    good = [
        ".env.example",
        ".env.sample",
        "id_rsa.pub",
        "src/env.py",
        "docs/credentials-guide.md",
        "a/token.py",
        "README.md",
    ]
    assert [h.place for h in scan_names([*bad, *good])] == bad


@pytest.fixture
def registered() -> Iterator[str]:
    value = "plain words, nothing odd/here"
    module.register_secret(value)
    yield value
    module.forget_secrets()


def test_a_configured_value_is_redacted_by_value(registered: str) -> None:
    assert redact(f"it says {registered}.") == "it says ‹redacted:configured›."
    assert redact("at plain%20words%2C%20nothing%20odd%2Fhere now") == "at ‹redacted:configured› now"
    assert scan(f"\n{registered}", "p")[0].place == "p:2"


def test_a_redactor_of_its_own_knows_its_values_and_no_other_does() -> None:
    assert Redactor(["swordfish one"]).redact("say swordfish one") == "say ‹redacted:configured›"
    assert redact("say swordfish one") == "say swordfish one"
    assert Redactor(["abc"]).redact("abc abc") == "abc abc"


PARTS = st.one_of(
    st.sampled_from([form.format(value) for value, form in SECRETS.values()]),
    st.sampled_from([value for value, _ in SECRETS.values()]),
    st.sampled_from(DECOYS),
    st.sampled_from([pem(), pem("EC "), "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"]),
    st.sampled_from(
        ["\n", "\r", "\r\n", " ", "=", '"', "password=", "token: ", "key", "://", "@", ":", "\\n", "\\", "eyJ"]
    ),
    st.text(max_size=20),
)
TEXTS = st.lists(PARTS, max_size=14).map("".join)


def streamed(raw: bytes, cuts: list[int]) -> tuple[bytes, int]:
    stream = StreamRedactor()
    edges = [0, *sorted(c % (len(raw) + 1) for c in cuts), len(raw)]
    out = [stream.feed(raw[a:b]) for a, b in itertools.pairwise(edges)]
    return b"".join(out) + stream.flush(), stream.count


@settings(max_examples=250, deadline=None)
@given(TEXTS)
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@settings(max_examples=250, deadline=None)
@given(TEXTS, st.lists(st.integers(min_value=0), max_size=12))
def test_a_stream_equals_the_whole_for_any_split(text: str, cuts: list[int]) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    assert streamed(raw, cuts)[0] == redact(text).encode("utf-8", "surrogatepass")


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(min_value=0), max_size=6))
def test_any_bytes_pass(raw: bytes, cuts: list[int]) -> None:
    assert streamed(raw, cuts) == streamed(raw, [])


def test_lone_surrogates_pass() -> None:
    assert redact("a\ud800b\udcff") == "a\ud800b\udcff"
    assert "\ud800" in redact(f"\ud800 {SECRETS['github'][0]}")


@pytest.mark.parametrize("name", ["github", "jwt", "url", "json", "bearer", "aws", "env"])
@pytest.mark.parametrize("offset", [-4200, -4096, -4090, -30, -3, 0, 7])
def test_a_secret_at_the_edge_of_a_window_of_a_long_line(name: str, offset: int) -> None:
    value, form = SECRETS[name]
    line = form.format(value)
    text = "x y " * ((module.WINDOW + offset) // 4) + " " + line + " tail " * 20_000
    raw = text.encode()
    whole, count = streamed(raw, [])
    assert value.encode() not in whole
    assert value[8:].encode() not in whole
    assert count == 1
    assert streamed(raw, list(range(0, len(raw), 4_099))) == (whole, 1)
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize("size", [60_000, 70_000, 300_000])
def test_a_secret_longer_than_the_window_leaves_no_rest(size: int) -> None:
    token = made("ghp_", size)
    raw = f"a {token} b\nnext\n".encode()
    expected = "a ‹redacted:github-token› b\nnext\n".encode()
    assert streamed(raw, []) == (expected, 1)
    assert streamed(raw, list(range(0, len(raw), 1_009))) == (expected, 1)


def test_a_key_on_one_long_line_leaves_no_rest() -> None:
    body = made("", 200_000)
    raw = f"{'w ' * 40_000}-----BEGIN PRIVATE KEY-----{body}-----END PRIVATE KEY----- kept\n".encode()
    whole, count = streamed(raw, list(range(0, len(raw), 7_001)))
    assert whole == ("w " * 40_000 + "‹redacted:private-key› kept\n").encode()
    assert count == 1


def test_memory_is_bounded() -> None:
    stream = StreamRedactor()
    for _ in range(60):
        stream.feed(b"z" * 65_536)
        assert len(stream._held) <= 2 * module.WINDOW


def test_it_needs_the_standard_library_only() -> None:
    code = (
        f"import sys; sys.path.append({str(ROOT)!r}); import storage.redact, json; "
        "print(json.dumps([m for m in sys.modules if m.split('.')[0] not in sys.stdlib_module_names]))"
    )
    out = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(json.loads(out)) <= {
        "__main__",
        "storage",
        "storage.redact",
        "storage.secrets_names",
        "storage.secrets_rules",
    }
