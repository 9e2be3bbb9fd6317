"""C9-C13 on real commits: each planted fault is found at its line, sound files are silent, old faults do not count."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stas_tui.review import files, secrets
from stas_tui.review.base import Change
from storage.check_records import CheckResult, Verdict
from tests.review.worlds import Repository

A = "services:\n  a:\n    image: x:1\n"
FLOW = ".github/workflows/a.yml"
STEPS = "on: push\njobs:\n  a:\n    steps:\n"
TARGET = """\
on: [pull_request_target]
jobs:
  a:
    steps:
      - uses: actions/checkout@v4
        with:
          ref: ${{ github.event.pull_request.head.sha }}
"""
ROLE = """\
apiVersion: v1
kind: ClusterRole
metadata: {name: a}
rules:
- verbs: ['*']
  resources: ['*']
"""
DB_OPEN = 'resource "aws_db_instance" "d" {\n'
DB = DB_OPEN + "}\n"
INGRESS = """\
resource "aws_security_group" "w" {
  ingress {
    from_port = 22
    to_port = 22
    cidr_blocks = ["0.0.0.0/0"]
  }
}
"""
PIPED = "script-piped-to-shell"

FAULTS = [
    ("C9", "Dockerfile", "FROM python\nUSER app\n", "base-unpinned", 1),
    ("C9", "Dockerfile", "FROM python:latest\nUSER app\n", "base-unpinned", 1),
    ("C9", "Dockerfile", "FROM python:3.12\n", "runs-as-root", 1),
    ("C9", "Dockerfile", "FROM python:3.12\nUSER app\nUSER 0\n", "runs-as-root", 3),
    ("C9", "Dockerfile", "FROM python:3.12\nENV A=1 DB_PASSWORD=hunter2\nUSER app\n", "secret-in-image", 2),
    ("C9", "Dockerfile", "FROM python:3.12\nARG API_TOKEN=x1\nUSER app\n", "secret-in-image", 2),
    ("C9", "Dockerfile", "FROM python:3.12\nADD https://x.example/a.tgz /\nUSER app\n", "remote-add", 2),
    ("C9", "Dockerfile", "FROM python:3.12\nRUN apt-get update && \\\n  curl -s https://x | sh\nUSER app\n", PIPED, 2),
    ("C9", "Dockerfile", "FROM python:3.12\nRUN <<EOF\ncurl https://x | bash\nEOF\nUSER app\n", PIPED, 2),
    ("C9", "Dockerfile", "FROM python:3.12\nCOPY --chmod=777 a /a\nUSER app\n", "world-writable", 2),
    ("C10", "compose.yaml", A + "    privileged: true\n", "privileged", 4),
    ("C10", "compose.yaml", A + "    network_mode: host\n", "host-network", 4),
    ("C10", "compose.yaml", A + "    cap_add: [SYS_ADMIN]\n", "capability", 4),
    ("C10", "compose.yaml", A + "    volumes:\n      - /var/run/docker.sock:/s\n", "engine-socket", 5),
    ("C10", "compose.yaml", A + "    volumes:\n      - type: bind\n        source: /etc\n", "host-mount", 5),
    ("C10", "compose.yaml", "services:\n  a:\n    image: redis\n", "image-unpinned", 3),
    ("C10", "compose.yaml", A + "    ports: ['5432:5432']\n", "data-port-open", 4),
    ("C10", "compose.yaml", A + "    environment:\n      DB_PASSWORD: hunter2\n", "literal-secret", 5),
    ("C10", "compose.yaml", A + "    environment:\n      - DB_PASSWORD=hunter2\n", "literal-secret", 5),
    (
        "C10",
        "compose.yaml",
        "x: &x\n  privileged: true\nservices:\n  a:\n    <<: *x\n    image: x:1\n",
        "privileged",
        2,
    ),
    (
        "C10",
        "k8s/a.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  hostNetwork: true\n",
        "host-network",
        5,
    ),
    ("C10", "k8s/a.yaml", ROLE, "wildcard-grant", 5),
    ("C11", FLOW, STEPS + "      - run: echo ${{ github.event.issue.title }}\n", "untrusted-in-shell", 5),
    ("C11", FLOW, STEPS + "      - uses: x/y@v1\n", "action-unpinned", 5),
    ("C11", FLOW, "on: push\npermissions: write-all\njobs: {}\n", "token-wide", 2),
    ("C11", FLOW, TARGET, "target-checks-out-head", 5),
    ("C12", "a.tf", INGRESS, "open-ingress", 2),
    ("C12", "a.tf", DB_OPEN + "  publicly_accessible = true\n}\n", "publicly-accessible", 2),
    ("C12", "a.tf", DB_OPEN + "  skip_final_snapshot = true\n}\n", "skip-final-snapshot", 2),
    ("C12", "a.tf", 'resource "aws_s3_bucket" "b" {\n  force_destroy = true\n}\n', "force-destroy", 2),
]

SOUND = {
    "Dockerfile": """\
FROM python:3.12-slim AS build
ARG VERSION
ARG TOKEN_FILE=/run/t
RUN <<END
USER root
FROM evil
END
FROM build
ENV API_TOKEN=$TOKEN
USER 1000
HEALTHCHECK CMD true
EXPOSE 80
""",
    "compose.yaml": """\
services:
  a:
    image: x:1
    ports: ['127.0.0.1:5432:5432', '80:8080']
    volumes: ['data:/d', './x:/x']
    environment:
      DB_PASSWORD: ${DB_PASSWORD}
      TOKEN_FILE: /run/secrets/t
""",
    FLOW: """\
on: push
permissions:
  contents: read
jobs:
  a:
    steps:
      - uses: actions/checkout@v4
      - run: echo "$TITLE"
        env:
          TITLE: ${{ github.event.issue.title }}
      - uses: ./local
""",
    "a.tf": """\
resource "aws_security_group" "w" {
  egress {
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_route" "r" {
  destination_cidr_block = "0.0.0.0/0"
}
""",
    "k8s/a.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: a}
spec:
  template:
    spec:
      containers:
      - name: c
        image: x:1
        readinessProbe: {}
        resources: {limits: {memory: 1Gi}}
""",
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "r")


def results(change: Change) -> dict[str, CheckResult]:
    return {result.check: result for result in files.run(change)}


@pytest.mark.parametrize(("check", "path", "text", "rule", "line"), FAULTS, ids=lambda value: str(value)[:30])
def test_a_fault_is_found_at_its_line(
    repository: Repository, check: str, path: str, text: str, rule: str, line: int
) -> None:
    result = results(repository.changed({}, {path: text}))[check]
    found = {lead.rule: lead for lead in result.leads}
    assert rule in found, result.leads
    assert result.verdict is Verdict.FLAGGED
    assert (found[rule].path, found[rule].line) == (path, line)
    assert "hunter2" not in str(result)


def test_sound_files_give_no_accusation_and_are_still_not_verified(repository: Repository) -> None:
    for check, result in results(repository.changed({}, SOUND)).items():
        assert [lead for lead in result.leads if lead.accuses and "zizmor" not in lead.rule] == [], check
        assert result.verdict is not Verdict.VERIFIED


@pytest.mark.parametrize(("check", "path", "text"), [(f[0], f[1], f[2]) for f in FAULTS[::3]])
def test_what_was_there_before_does_not_count_even_when_lines_move_or_the_file_is_renamed(
    repository: Repository, check: str, path: str, text: str
) -> None:
    comment = "# a\n# b\n"
    result = results(repository.changed({path: text}, {path: comment + text}))[check]
    assert [lead for lead in result.leads if lead.accuses] == []
    assert result.counts["files"] == 1


@pytest.mark.parametrize(
    ("check", "path", "before", "after", "rule"),
    [
        ("C10", "compose.yaml", A + "    healthcheck: {test: a}\n", A, "healthcheck-removed"),
        ("C10", "compose.yaml", A + "    restart: always\n", A, "restart-removed"),
        ("C10", "compose.yaml", A + "    mem_limit: 1g\n", A, "limits-removed"),
        (
            "C10",
            "compose.yaml",
            A + '    ports: ["127.0.0.1:8080:8080", "8081:8081"]\n',
            A + '    ports: ["8080:8080", "8081:8081"]\n',
            "port-opened",
        ),
        (
            "C10",
            "compose.yaml",
            A + "    ports: [{target: 80, published: 8080, host_ip: 127.0.0.1}]\n",
            A + "    ports: [{target: 80, published: 8080}]\n",
            "port-opened",
        ),
        ("C11", FLOW, "on: push\njobs:\n  test: {}\n  b: {}\n", "on: push\njobs:\n  b: {}\n", "job-removed"),
        (
            "C11",
            FLOW,
            "on: push\njobs:\n  b: {}\n",
            "on: push\njobs:\n  b:\n    continue-on-error: true\n",
            "job-optional",
        ),
        ("C11", FLOW, "on: push\njobs:\n  test: {}\n", None, "job-removed"),
        ("C12", "a.tf", DB, 'resource "x" "y" {\n}\n', "stateful-destroyed"),
        ("C12", "a.tf", DB_OPEN + "  lifecycle {\n    prevent_destroy = true\n  }\n}\n", DB, "prevent-destroy-removed"),
    ],
)
def test_a_protection_that_is_taken_away_is_flagged(
    repository: Repository, check: str, path: str, before: str, after: str | None, rule: str
) -> None:
    result = results(repository.changed({path: before}, {path: after}))[check]
    assert rule in {lead.rule for lead in result.leads}
    assert result.verdict is Verdict.FLAGGED


@pytest.mark.parametrize(
    ("check", "path", "text", "why"),
    [
        ("C10", "compose.yaml", "services: [\n", "no YAML in line"),
        ("C10", "compose.yaml", "a: " + "[" * 500 + "]" * 500, "nested too deeply"),
        ("C10", "chart/templates/a.yaml", "apiVersion: v1\nkind: Pod\n{{ if }}\n", "no YAML"),
        ("C12", "a.tf", 'resource "x" {', "no Terraform"),
    ],
)
def test_what_cannot_be_read_is_unknown_with_its_place(
    repository: Repository, check: str, path: str, text: str, why: str
) -> None:
    result = results(repository.changed({}, {path: text}))[check]
    assert result.verdict is Verdict.UNKNOWN
    assert path in result.reason
    assert why in result.reason


def test_yaml_that_doubles_itself_stays_small(repository: Repository) -> None:
    lines = ["a0: &a0 {k: v}"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    result = results(repository.changed({}, {"compose.yaml": "\n".join(lines) + "\n"}))["C10"]
    assert result.verdict is Verdict.UNKNOWN


def test_faults_in_tests_and_examples_only_ask(repository: Repository) -> None:
    result = results(repository.changed({}, {"tests/Dockerfile": "FROM python\n"}))["C9"]
    assert all(not lead.accuses for lead in result.leads)
    assert result.verdict is Verdict.UNKNOWN


def test_a_missing_linter_is_named_with_how_to_get_it(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    monkeypatch.setattr(shutil, "which", lambda name, **how: which(name, **how) if name == "git" else None)
    result = results(repository.changed({}, {FLOW: "on: push\njobs: {}\n"}))["C11"]
    assert "zizmor is not installed (`pip install 'stas-tui[iac]'`)" in result.reason
    assert result.verdict is Verdict.UNKNOWN


def test_an_added_secret_is_flagged_at_its_line_and_never_shown(repository: Repository) -> None:
    token = "ghp_" + "a1B2" * 9
    change = repository.changed({"app.py": "a = 1\n"}, {"app.py": f"a = 1\nb = 2\nTOKEN = '{token}'\n"})
    (result,) = secrets.run(change)
    assert result.verdict is Verdict.FLAGGED
    assert (result.leads[0].path, result.leads[0].line) == ("app.py", 3)
    assert token not in str(result)


def test_a_secret_that_was_there_before_is_not_this_change(repository: Repository) -> None:
    token = "ghp_" + "a1B2" * 9
    change = repository.changed({"app.py": f"TOKEN = '{token}'\n"}, {"app.py": f"TOKEN = '{token}'\nb = 2\n"})
    (result,) = secrets.run(change)
    assert result.verdict is Verdict.UNKNOWN
    assert "no lead in the added lines" in result.reason
