from __future__ import annotations

import sqlite3
import unittest
from contextlib import closing

from ledger import migrate


class Migrations(unittest.TestCase):
    def test_up_down_up_keeps_the_rows(self) -> None:
        with closing(sqlite3.connect(":memory:")) as connection:
            self.assertEqual(migrate.up(connection), [1, 2])
            connection.execute("INSERT INTO entries (tenant_id, account, cents) VALUES ('acme', 'cash', 5)")
            connection.commit()
            self.assertEqual(migrate.down(connection), 2)
            self.assertEqual(connection.execute("SELECT account, cents FROM entries").fetchall(), [("cash", 5)])
            self.assertEqual(migrate.up(connection), [2])
            self.assertEqual(connection.execute("SELECT tenant_id, cents FROM entries").fetchall(), [("acme", 5)])
            self.assertEqual(migrate.up(connection), [])

    def test_going_back_never_mixes_tenants(self) -> None:
        with closing(sqlite3.connect(":memory:")) as connection:
            migrate.up(connection)
            connection.execute("INSERT INTO entries (tenant_id, account, cents) VALUES ('cobalt', 'cash', 5)")
            connection.commit()
            with self.assertRaises(migrate.MigrationError):
                migrate.down(connection)
            self.assertEqual(migrate.applied(connection), [1, 2])
            self.assertEqual(connection.execute("SELECT tenant_id FROM entries").fetchall(), [("cobalt",)])

    def test_everything_can_be_undone(self) -> None:
        with closing(sqlite3.connect(":memory:")) as connection:
            migrate.up(connection)
            self.assertEqual([migrate.down(connection), migrate.down(connection), migrate.down(connection)], [2, 1, None])
