"""The nightly statements: one tenant at a time, so that one tenant's failure is not another's."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Dict, Iterable

from ledger import entries
from ledger.metrics import Metrics
from ledger.pool import Pool

log = logging.getLogger("ledger.jobs")


def run_statements(pool: Pool, tenants: Iterable[str], folder: Path, metrics: Metrics) -> Dict[str, bool]:
    """Write `<folder>/<tenant>.json` for each tenant; returns whether it worked, by tenant."""
    results: Dict[str, bool] = {}
    folder.mkdir(parents=True, exist_ok=True)
    for tenant in tenants:
        try:
            with pool.connection(tenant) as connection:
                totals = entries.totals(connection, tenant)
            (folder / (tenant + ".json")).write_text(json.dumps({"tenant": tenant, "totals": totals}, sort_keys=True))
        except OSError as error:
            log.error("tenant=%s statements failed: %s", tenant, error)
            metrics.add("ledger_statements_failed_total", tenant=tenant)
            results[tenant] = False
        else:
            log.info("tenant=%s statements written, %d accounts", tenant, len(totals))
            metrics.put("ledger_statements_last_success_seconds", time.time(), tenant=tenant)
            results[tenant] = True
    return results


def main() -> int:
    from ledger.config import Settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = Settings.from_env()
    pool = Pool(settings.database, settings.pool_size, settings.pool_wait_s)
    try:
        results = run_statements(pool, sorted(settings.statements_for), Path("statements"), Metrics())
    finally:
        pool.close()
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
