"""The demo declares how its tenants are kept apart, and the real checks say something true about its real parts."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from stas_tui.config import load
from stas_tui.demo.profile import make_demo
from stas_tui.isolation.tenancy import load as load_tenancy
from stas_tui.locations import Locations, Profile
from stas_tui.proving import look, open_checks
from storage.check_records import Verdict
from storage.clock import ManualClock, SystemClock

ROOT = Path(__file__).parents[2]


@pytest.fixture
def demo(tmp_path: Path) -> Profile:
    return make_demo(Locations.find(tmp_path / "home"), seed=1)


def test_the_tenancy_file_is_complete_and_names_every_tenant_of_the_configuration(demo: Profile) -> None:
    project = load(demo).project[0]
    tenancy = load_tenancy(demo.tenancy_file(project.id))
    assert tenancy.completed_by
    assert [tenant.name for tenant in tenancy.tenant] == list(project.tenants)
    assert all(entry.reason for entry in tenancy.not_applicable)


def test_the_same_seed_and_time_deploy_the_same_log_and_secrets(tmp_path: Path) -> None:
    made = [make_demo(Locations.find(tmp_path / name), seed=1, clock=ManualClock()) for name in ("one", "two")]
    for name in ("ledger.log", "secrets.json"):
        first, second = [(profile.root / "deployed" / name).read_bytes() for profile in made]
        assert first == second
        assert len(first) > 100
    assert not (make_demo(Locations.find(tmp_path / "three"), deployed=False).root / "deployed").exists()


def test_a_round_on_the_demo_proves_flags_and_leaves_unknown_what_nobody_can_see(demo: Profile) -> None:
    """No network, no server: SQLite, a log, a listing of secrets and the repository are really looked at."""
    done = subprocess.run(
        [sys.executable, "-m", "stas_tui", "--home", str(demo.root.parents[1]), "--profile", "demo", "isolation"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 1, done.stderr
    project = load(demo).project[0]
    with open_checks(demo) as checks:
        found = look(checks, demo, project, SystemClock().now()).board
    rotation = found.cell("cobalt", "secrets")
    assert rotation.verdict is Verdict.FLAGGED
    assert [lead.text for _, lead in rotation.flags] == [
        "ledger-token-cobalt-before is 131 days old; 90 are allowed"
    ], "the rotation that T-306 is to finish"
    assert {found.cell(tenant, "secrets").verdict for tenant in found.tenants if tenant != "cobalt"} == {
        Verdict.VERIFIED
    }
    for tenant in found.tenants:
        database = found.cell(tenant, "database")
        assert database.verdict is Verdict.VERIFIED, database.reason
        assert any("entries" in text for said in database.said if said.result for text in said.result.executed)
        assert found.cell(tenant, "endpoints").verdict is Verdict.UNKNOWN, "no API runs in the demo"
        queries = {said.spec.id: said for said in found.cell(tenant, "queries").said}
        assert queries["Q2"].result is not None
        assert queries["Q2"].result.counts["statements"] >= 4, "the service's own queries were read"
        assert found.cell(tenant, "queries").verdict is Verdict.UNKNOWN, "reading alone never verifies"
    assert tomllib.loads(demo.tenancy_file(project.id).read_text("utf-8"))["strategy"] == "row"
