from __future__ import annotations

import unittest
from pathlib import Path

from ledger.config import ConfigError, Settings

ENVIRONMENTS = Path(__file__).resolve().parent.parent / "infra" / "environments"


class Config(unittest.TestCase):
    def test_reads_the_environment(self) -> None:
        settings = Settings.from_env({"LEDGER_TENANTS": "acme, borealis,acme", "LEDGER_POOL_SIZE": "4"})
        self.assertEqual(settings.tenants, ("acme", "borealis"))
        self.assertEqual(settings.pool_size, 4)

    def test_refuses_what_makes_no_sense(self) -> None:
        for environment in (
            {},
            {"LEDGER_TENANTS": "acme", "LEDGER_POOL_SIZE": "many"},
            {"LEDGER_TENANTS": "acme", "LEDGER_POOL_SIZE": "0"},
            {"LEDGER_TENANTS": "acme", "LEDGER_FEATURE_STATEMENTS": "zeta"},
        ):
            with self.subTest(environment=environment), self.assertRaises(ConfigError):
                Settings.from_env(environment)

    def test_all_environments_have_the_same_keys(self) -> None:
        keys = {
            path.name: {line.split(":")[0] for line in path.read_text().splitlines() if line.startswith("LEDGER_")}
            for path in ENVIRONMENTS.glob("*.yml")
        }
        self.assertEqual(len(keys), 2)
        self.assertEqual(keys["staging.yml"], keys["production.yml"])
