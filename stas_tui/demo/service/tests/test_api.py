from __future__ import annotations

from http.client import HTTPConnection
from contextlib import closing

from ledger import VERSION
from tests.support import ServiceCase


class Api(ServiceCase):
    def test_health_names_the_version(self) -> None:
        self.assertEqual(self.ask("GET", "/health", None), (200, {"status": "ok", "version": VERSION}))

    def test_an_entry_is_booked_and_counts_in_the_balance(self) -> None:
        self.assertEqual(self.ask("POST", "/entries", body={"account": "cash", "cents": 700, "memo": "till"})[0], 201)
        self.ask("POST", "/entries", body={"account": "cash", "cents": -200})
        self.assertEqual(self.ask("GET", "/balance?account=cash"), (200, {"account": "cash", "cents": 500}))
        status, answer = self.ask("GET", "/entries")
        self.assertEqual([entry["cents"] for entry in answer["entries"]], [-200, 700])

    def test_bad_entries_are_refused_with_a_reason(self) -> None:
        for body in ({}, {"account": "", "cents": 1}, {"account": "a", "cents": 1.5}, {"account": "a", "cents": True}, []):
            with self.subTest(body=body):
                status, answer = self.ask("POST", "/entries", body=body)
                self.assertEqual(status, 400)
                self.assertTrue(answer["error"])

    def test_a_body_that_is_no_json_is_refused(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=5)
        with closing(connection):
            connection.request("POST", "/entries", b"\xff{", {"X-Tenant": "acme"})
            self.assertEqual(connection.getresponse().status, 400)

    def test_unknown_pages_are_404(self) -> None:
        self.assertEqual(self.ask("GET", "/nothing")[0], 404)

    def test_metrics_count_by_tenant(self) -> None:
        self.ask("GET", "/entries", "borealis")
        status, page = self.ask("GET", "/metrics", None)
        self.assertEqual(status, 200)
        self.assertIn('ledger_requests_total{path="/entries",status="200",tenant="borealis"} 1', page)
