"""What Lena's pull request holds besides what its text says: a looser image, and a migration with half a way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

UP = b"""\
-- Who comes to the edge, so that the office's requests can be told apart.
CREATE TABLE edge_visits (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    path TEXT NOT NULL,
    at TEXT NOT NULL
);
CREATE INDEX edge_visits_by_host ON edge_visits (host);
ALTER TABLE entries ADD COLUMN booked_from TEXT NOT NULL DEFAULT '';
"""

DOWN = b"""\
DROP TABLE edge_visits;
"""

_TESTS = (
    (b"self.assertEqual(migrate.up(connection), [1, 2])", b"self.assertEqual(migrate.up(connection), [1, 2, 3])"),
    (
        b"self.assertEqual(migrate.down(connection), 2)",
        b"self.assertEqual([migrate.down(connection), migrate.down(connection)], [3, 2])",
    ),
    (b"self.assertEqual(migrate.up(connection), [2])", b"self.assertEqual(migrate.up(connection), [2, 3])"),
    (
        b"            with self.assertRaises(migrate.MigrationError):",
        b"            migrate.down(connection)\n            with self.assertRaises(migrate.MigrationError):",
    ),
    (
        b"[migrate.down(connection), migrate.down(connection), migrate.down(connection)], [2, 1, None]",
        b"[migrate.down(connection) for _ in range(4)], [3, 2, 1, None]",
    ),
)
"""The tests as her branch has them: the whole way down and up again works, one step of it does not."""


def edge_files(final: Mapping[str, bytes], swap: Callable[[bytes, bytes, bytes], bytes]) -> dict[str, bytes]:
    """The files of her branch that differ from the service; `swap` replaces what stands there exactly once."""
    compose = swap(final["docker-compose.yml"], b'"127.0.0.1:8080:8080"', b'"8080:8080"')
    tests = final["tests/test_migrations.py"]
    for old, new in _TESTS:
        tests = swap(tests, old, new)
    return {
        "docker-compose.yml": swap(compose, b"caddy:2.8-alpine", b"caddy:latest"),
        "infra/Caddyfile": swap(final["infra/Caddyfile"], b"lb_try_duration 2s", b"lb_try_duration 10s"),
        "migrations/0003_edge_visits.up.sql": UP,
        "migrations/0003_edge_visits.down.sql": DOWN,
        "tests/test_migrations.py": tests,
    }
