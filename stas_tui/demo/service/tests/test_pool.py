from __future__ import annotations

import tempfile
import threading
import unittest
from pathlib import Path

from ledger.pool import Pool, PoolExhausted


class PoolCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.database = str(Path(folder.name) / "pool.db")

    def pool(self, size: int, wait_s: float = 0.05) -> Pool:
        pool = Pool(self.database, size, wait_s)
        self.addCleanup(pool.close)
        return pool

    def test_never_more_than_the_size(self) -> None:
        pool = self.pool(2)
        with pool.connection("acme"), pool.connection("borealis"):
            with self.assertRaises(PoolExhausted):
                with pool.connection("cobalt"):
                    self.fail("a third connection was handed out")
            self.assertEqual(pool.in_use(), {"acme": 1, "borealis": 1})
        self.assertEqual(pool.in_use(), {})
        self.assertEqual(pool.exhausted(), {"cobalt": 1})

    def test_a_waiting_thread_gets_the_connection_that_comes_back(self) -> None:
        pool = self.pool(1, wait_s=5)
        got = threading.Event()

        def second() -> None:
            with pool.connection("borealis"):
                got.set()

        with pool.connection("acme"):
            thread = threading.Thread(target=second)
            thread.start()
            self.assertFalse(got.wait(0.02))
        self.assertTrue(got.wait(5))
        thread.join()

    def test_an_error_rolls_back(self) -> None:
        pool = self.pool(1)
        with pool.connection("acme") as connection:
            connection.execute("CREATE TABLE t (n)")
        with self.assertRaises(KeyError):
            with pool.connection("acme") as connection:
                connection.execute("INSERT INTO t VALUES (1)")
                raise KeyError
        with pool.connection("acme") as connection:
            self.assertEqual(connection.execute("SELECT COUNT(*) FROM t").fetchone(), (0,))
