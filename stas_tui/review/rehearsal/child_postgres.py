"""Plain SQL on PostgreSQL inside the jail."""

from __future__ import annotations

from typing import Any


class Handler:
    """One connection for each step, as a runner makes."""

    phase = "run"

    def __init__(self, settings: dict[str, Any]) -> None:
        import psycopg

        self.address = settings["address"]
        self.about = {"version": psycopg.__version__}
        self.statements: list[str] = []

    def do(self, request: dict[str, Any]) -> dict[str, Any]:
        """`run` statements in one transaction, one by one, or as one text."""
        import psycopg

        self.statements = []
        with psycopg.connect(**self.address, autocommit=True) as connection:
            if request["transaction"]:
                with connection.transaction():
                    self._each(connection, request["sql"])
            else:
                self._each(connection, request["sql"])
        return {"ok": True}

    def _each(self, connection: Any, statements: list[str]) -> None:
        for text in statements:
            self.statements.append(text)
            connection.execute(text.encode())
