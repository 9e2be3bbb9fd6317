from __future__ import annotations

import hashlib
import json
import re
import unittest
from pathlib import Path

from tests.support import ServiceCase

HERE = Path(__file__).resolve().parent.parent


class Isolation(ServiceCase):
    def test_one_tenant_never_sees_another(self) -> None:
        self.ask("POST", "/entries", "acme", {"account": "cash", "cents": 900, "memo": "acme only"})
        self.assertEqual(self.ask("GET", "/entries", "borealis"), (200, {"entries": []}))
        self.assertEqual(self.ask("GET", "/balance?account=cash", "borealis")[1]["cents"], 0)

    def test_a_request_without_a_valid_tenant_is_refused(self) -> None:
        for tenant, expected in ((None, 400), ("", 400), ("Acme", 400), ("acme' OR 1=1", 400), ("zeta", 403)):
            with self.subTest(tenant=tenant):
                self.assertEqual(self.ask("GET", "/entries", tenant)[0], expected)

    def test_the_account_cannot_smuggle_sql(self) -> None:
        self.ask("POST", "/entries", "acme", {"account": "cash", "cents": 900})
        self.assertEqual(self.ask("GET", "/balance?account=cash'%20OR%201=1--", "borealis")[1]["cents"], 0)


class EveryQueryNamesTheTenant(unittest.TestCase):
    def test_all_statements_on_entries_are_scoped(self) -> None:
        text = (HERE / "ledger" / "entries.py").read_text()
        statements = re.findall(r'"((?:SELECT|INSERT|UPDATE|DELETE)[^"]*)"', text)
        self.assertGreaterEqual(len(statements), 4)
        for statement in statements:
            self.assertIn("tenant_id", statement)


class Tokens(ServiceCase):
    def setUp(self) -> None:
        import tempfile

        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "digests.json"
        digests = {name: hashlib.sha256(("word-of-" + name).encode()).hexdigest() for name in ("acme", "borealis")}
        path.write_text(json.dumps(digests))
        self.environment = {"LEDGER_TOKENS_FILE": str(path)}
        super().setUp()

    def test_only_the_tenants_own_token_opens(self) -> None:
        for tenant, owner, expected in (("acme", "acme", 200), ("acme", "borealis", 401), ("cobalt", "acme", 401)):
            with self.subTest(tenant=tenant, owner=owner):
                headers = {"Authorization": " ".join(("Bearer", "word-of-" + owner))}
                self.assertEqual(self.ask("GET", "/entries", tenant, **headers)[0], expected)
        self.assertEqual(self.ask("GET", "/entries", "acme")[0], 401)
