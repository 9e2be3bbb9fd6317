from __future__ import annotations

import json

from ledger.jobs import run_statements
from ledger.metrics import Metrics
from tests.support import ServiceCase


class Statements(ServiceCase):
    def test_each_tenant_gets_only_its_own_totals(self) -> None:
        self.ask("POST", "/entries", "acme", {"account": "cash", "cents": 5})
        self.ask("POST", "/entries", "borealis", {"account": "cash", "cents": 7})
        results = run_statements(self.server.pool, ["acme", "borealis"], self.folder / "out", Metrics())
        self.assertEqual(results, {"acme": True, "borealis": True})
        self.assertEqual(json.loads((self.folder / "out" / "borealis.json").read_text())["totals"], {"cash": 7})

    def test_one_failure_is_not_anothers(self) -> None:
        (self.folder / "out" / "acme.json").mkdir(parents=True)
        metrics = Metrics()
        results = run_statements(self.server.pool, ["acme", "borealis"], self.folder / "out", metrics)
        self.assertEqual(results, {"acme": False, "borealis": True})
        self.assertIn('ledger_statements_failed_total{tenant="acme"} 1', metrics.page({}))
