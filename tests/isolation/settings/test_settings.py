"""X1-X4 on real files: what is shared, missing, untargeted or overdue is flagged; a commit's files prove nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stas_tui.forges.git import Git
from stas_tui.isolation import settings
from stas_tui.isolation.base import World
from stas_tui.isolation.git_tree import CommitTree
from stas_tui.isolation.tenancy import load_text
from storage.check_records import CheckResult, Verdict
from storage.clock import SystemClock
from tests.review.worlds import Repository

NAMES = ("acme", "globex")


def asked(check: str, text: str, **more: Any) -> dict[str, CheckResult]:
    tenants = "".join(f'\n[[tenant]]\nname = "{name}"\nkey = "{name}"\n' for name in NAMES)
    tenancy = load_text(f'strategy = "row"\ncompleted_by = "ada"\n[settings]\n{text}\n{tenants}', Path("tenancy.toml"))
    how: dict[str, Any] = {"tenants": NAMES, **more}
    world = World(project_id="shop", tenancy=tenancy, clock=SystemClock(), only=frozenset({check}), **how)
    return {result.tenant: result for result in settings.run(world)}


def verdicts(results: dict[str, CheckResult]) -> dict[str, str]:
    return {tenant: str(result.verdict) for tenant, result in results.items()}


def deployed(folder: Path, **files: str) -> str:
    for name, text in files.items():
        (folder / f"{name}.env").write_text(text)
    return f'files = ["{folder}/{{tenant}}.env"]'


def test_R114_a_secret_that_two_tenants_share_is_flagged_and_never_shown(tmp_path: Path) -> None:
    files = deployed(tmp_path, acme="DB_PASSWORD=hunter2\nA=1\n", globex='DB_PASSWORD="hunter2"\nA=1\n')
    results = asked("X1", files)
    assert verdicts(results) == {"acme": "flagged", "globex": "flagged"}
    assert results["acme"].reason == "DB_PASSWORD is the same for acme and globex"
    assert "hunter2" not in repr(results)


def test_secrets_of_ones_own_in_deployed_files_are_verified(tmp_path: Path) -> None:
    files = deployed(tmp_path, acme="ACME_DB_PASSWORD=a\n", globex="GLOBEX_DB_PASSWORD=b\n")
    assert verdicts(asked("X1", f'{files}\nsecrets = ["{{tenant}}_db_password"]')) == dict.fromkeys(NAMES, "verified")


def test_one_secret_for_all_where_each_should_have_its_own(tmp_path: Path) -> None:
    listing = tmp_path / "s.json"
    listing.write_text(json.dumps([{"name": "db_password"}, {"name": "acme_db_password"}]))
    results = asked("X1", f'secret_listing = "{listing}"\nsecrets = ["{{tenant}}_db_password"]')
    assert verdicts(results) == {"acme": "verified", "globex": "flagged"}
    assert "globex has no globex_db_password; only db_password is there for all" in results["globex"].reason


def test_R113_a_missing_key_is_flagged_for_its_tenant(tmp_path: Path) -> None:
    files = deployed(tmp_path, acme="LIMIT=1\nREGION=eu\n", globex="LIMIT=2\n")
    results = asked("X2", f'{files}\nkeys = ["LIMIT", "REGION"]')
    assert verdicts(results) == {"acme": "verified", "globex": "flagged"}
    assert results["globex"].reason == "globex has no REGION"


def test_R65_every_environment_needs_the_key(tmp_path: Path) -> None:
    for place, text in (("staging", "A=1\n"), ("production", "A=1\nB=2\n")):
        for name in NAMES:
            (tmp_path / f"{place}-{name}.env").write_text(text)
    files = f'files = ["{tmp_path}/{{environment}}-{{tenant}}.env"]\nenvironments = ["staging", "production"]'
    results = asked("X2", f'{files}\nkeys = ["A", "B"]')
    assert results["acme"].reason == "acme has no B in staging"


def test_what_must_differ_and_does_not(tmp_path: Path) -> None:
    files = deployed(tmp_path, acme="BUCKET=x\n", globex="BUCKET=x\n")
    assert verdicts(asked("X2", f'{files}\ndiffering = ["BUCKET"]')) == dict.fromkeys(NAMES, "flagged")


def test_files_of_a_commit_give_no_proof(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    head = repository.commit(
        {"env/acme.toml": "[db]\nlimit = 1\n", "env/globex.yaml": "x", "env/globex.toml": "[db]\nlimit=2\n"}
    )
    tree = CommitTree(Git(), tmp_path / ".git", head)
    results = asked("X2", 'files = ["env/{tenant}.toml"]\nkeys = ["db.limit"]', tree=tree)
    assert verdicts(results) == dict.fromkeys(NAMES, "unknown")
    assert "what is deployed was not read" in results["acme"].reason


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("a.json", '{"db": {"limit": 1}}', "db.limit"),
        ("a.yaml", "db:\n  limit: 1\n", "db.limit"),
        ("compose.yaml", "services:\n  a:\n    environment:\n      - LIMIT=1\n", "LIMIT"),
        ("a.env", "export LIMIT='1'\n# X=1\n", "LIMIT"),
    ],
)
def test_every_form_is_read(tmp_path: Path, name: str, text: str, key: str) -> None:
    for tenant in NAMES:
        (tmp_path / tenant).mkdir()
        (tmp_path / tenant / name).write_text(text)
    results = asked("X2", f'files = ["{tmp_path}/{{tenant}}/{name}"]\nkeys = ["{key}"]')
    assert verdicts(results) == dict.fromkeys(NAMES, "verified")


def test_a_file_that_is_not_there_or_broken_is_unknown_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "acme.json").write_text("{")
    results = asked("X2", f'files = ["{tmp_path}/{{tenant}}.json"]\nkeys = ["a"]')
    assert verdicts(results) == dict.fromkeys(NAMES, "unknown")
    assert results["acme"].reason.endswith("acme.json is not in a form that can be read")
    assert results["globex"].reason.endswith("globex.json is not there")


FLAGS = {"beta": {"default": False, "tenants": {"acme": True}}, "new": {"default": True}}


def test_R115_flags_that_cannot_tell_tenants_apart_are_flagged(tmp_path: Path) -> None:
    file = tmp_path / "flags.json"
    file.write_text(json.dumps(FLAGS))
    assert verdicts(asked("X3", f'flags = "{file}"\nflag = ["beta"]')) == {"": "verified"}
    result = asked("X3", f'flags = "{file}"\nflag = ["beta", "new"]')[""]
    assert result.verdict is Verdict.FLAGGED
    assert result.reason == "new is on for every tenant and names none"
    assert "gone is not in" in asked("X3", f'flags = "{file}"\nflag = ["gone"]')[""].reason


def test_X4_what_is_too_old_is_flagged_with_its_age(tmp_path: Path) -> None:
    listing = tmp_path / "s.json"
    old, fresh = (datetime.now(UTC) - timedelta(days=days) for days in (200, 3))
    rows = [{"name": "acme/db", "created": old.isoformat()}, {"name": "globex/db", "rotated": fresh.isoformat()}]
    listing.write_text(json.dumps({"secrets": rows}))
    results = asked("X4", f'secret_listing = "{listing}"')
    assert verdicts(results) == {"acme": "flagged", "globex": "verified"}
    assert results["acme"].reason == "acme/db is 200 days old; 90 are allowed"


@pytest.mark.parametrize("check", ["X1", "X2", "X3", "X4"])
def test_nothing_declared_is_unknown_and_says_what_to_declare(check: str) -> None:
    for result in asked(check, "").values():
        assert result.verdict is Verdict.UNKNOWN
        assert "[settings]" in result.reason


def test_a_tenant_that_the_file_does_not_name(tmp_path: Path) -> None:
    files = deployed(tmp_path, acme="A=1\n", globex="A=1\n")
    results = asked("X2", f'{files}\nkeys = ["A"]', tenants=(*NAMES, "initech"))
    assert results["initech"].reason == "the tenancy file does not name initech"
