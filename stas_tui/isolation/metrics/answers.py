"""The results of M1-M8 from one Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from stas_tui.isolation.base import METRICS_MS, World
from stas_tui.isolation.declared import Metrics
from stas_tui.isolation.metrics import judging
from stas_tui.isolation.metrics.asking import Asker, NoNumbers, Series
from stas_tui.isolation.metrics.judging import Word
from stas_tui.texts.lines import count, listed, one_line
from storage.check_records import ALL_TENANTS, CheckResult, Lead, Verdict


def all_of(world: World, metrics: Metrics) -> Iterator[CheckResult]:
    """Every wanted check, on the first configured Prometheus."""
    asker = Asker(world, world.prometheus[0], metrics)
    try:
        yield from _All(asker, metrics).results()
    finally:
        asker.close()


class _All:
    def __init__(self, asker: Asker, metrics: Metrics) -> None:
        self.asker, self.metrics, self.world = asker, metrics, asker.world
        self.started = self.world.clock.now()
        self._weeks: dict[str, Series | NoNumbers] = {}

    def results(self) -> Iterator[CheckResult]:
        each: dict[str, Callable[[], Iterator[CheckResult]]] = {
            "M1": self._labels, "M2": self._errors, "M3": self._latency, "M4": self._volume, "M5": self._peers,
            "M6": self._neighbours, "M7": self._rules, "M8": self._shares,
        }  # fmt: skip
        for check, ask in each.items():
            if self.world.wants(check):
                first = len(self.asker.executed)
                try:
                    results = list(ask())
                except NoNumbers as error:
                    tenants = self.world.tenants if check in ("M2", "M3", "M4", "M5", "M8") else (ALL_TENANTS,)
                    results = [
                        self._said(check, tenant, Word(Verdict.UNKNOWN, str(error)), first) for tenant in tenants
                    ]
                yield from results

    def _week(self, name: str) -> Series:
        if name not in self._weeks:
            query = self.asker.queries().get(name) or name
            try:
                self._weeks[name] = self.asker.week(query)
            except NoNumbers as error:
                self._weeks[name] = error
        found = self._weeks[name]
        if isinstance(found, NoNumbers):
            raise found
        return found

    def _said(
        self, check: str, tenant: str, word: Word, first: int | None = None, *, leads: Sequence[Lead] = (),
        counts: Mapping[str, int] | None = None,
    ) -> CheckResult:  # fmt: skip
        now = self.world.clock.now()
        if word.verdict is Verdict.FLAGGED and not leads:
            who = tenant or "all tenants"
            leads = (
                Lead(
                    rule=f"{check.lower()}", text=f"{who}: {word.reason}", path=self.asker.source.name, code=word.reason
                ),
            )
        return CheckResult(
            check=check, project_id=self.world.project_id, tenant=tenant, verdict=word.verdict,
            reason=one_line(word.reason, 300), target=f"{self.asker.source.name} at {self.asker.source.url}",
            started_at=self.started, ended_at=now, expires_at=now + METRICS_MS,
            executed=tuple(self.asker.executed[first if first is not None else 0 :]), counts=dict(counts or {}),
            leads=tuple(leads), live=not self.world.dry, tool="PromQL",
            control="series were told" if word.verdict is Verdict.VERIFIED else "",
        )  # fmt: skip

    def _each(self, check: str, word: Callable[[str], Word]) -> Iterator[CheckResult]:
        for tenant in self.world.tenants:
            yield self._said(check, tenant, word(tenant))

    # the checks ------------------------------------------------------------------------------------

    def _labels(self) -> Iterator[CheckResult]:
        without, absent, seen = [], [], 0
        for name, query in self.asker.queries().items():
            vector = self.asker.now(query)
            seen += len(vector.values)
            if not vector.values and not vector.unlabelled:
                absent.append(name)
            elif vector.unlabelled:
                without.append(name)
        if without:
            word = Word(Verdict.FLAGGED, f"series without the label {self.asker.label}: {listed(without)}")
        elif absent:
            word = Word(Verdict.UNKNOWN, f"no series for {listed(absent)}; name the metrics in [metrics]")
        else:
            word = Word(Verdict.VERIFIED, f"requests, errors and latency carry {self.asker.label}")
        yield self._said("M1", ALL_TENANTS, word, counts={"series": seen})

    def _errors(self) -> Iterator[CheckResult]:
        requests, failed = self._week("requests"), self._week("errors")
        least = self.metrics.minimum_requests
        yield from self._each("M2", lambda t: judging.errors(requests.get(t, ()), failed.get(t, ()), least))

    def _latency(self) -> Iterator[CheckResult]:
        requests, seconds = self._week("requests"), self._week("latency")
        least = self.metrics.minimum_requests
        yield from self._each("M3", lambda t: judging.latency(requests.get(t, ()), seconds.get(t, ()), least))

    def _volume(self) -> Iterator[CheckResult]:
        requests = self._week("requests")
        least = self.metrics.minimum_requests
        yield from self._each("M4", lambda t: judging.volume(requests.get(t, ()), least))

    def _peers(self) -> Iterator[CheckResult]:
        words = judging.peers(self._week("latency"), self._week("requests"), self.metrics.minimum_requests)
        none = Word(Verdict.UNKNOWN, "no data")
        yield from self._each("M5", lambda t: words.get(t, none))

    def _neighbours(self) -> Iterator[CheckResult]:
        query = self.asker.cost(self.metrics.cost[0]) if self.metrics.cost else "requests"
        yield self._said("M6", ALL_TENANTS, judging.neighbours(self._week("latency"), self._week(query)))

    def _rules(self) -> Iterator[CheckResult]:
        rules = self.asker.rules()
        hiding = [rule for rule in rules if rule.hides]
        leads = [
            Lead(rule="hides-tenant", text=f"{rule.name}: {rule.hides}", path=rule.key, code=rule.expression[:400])
            for rule in hiding
        ]
        counts = {"rules": len(rules), "by tenant": sum(rule.per_tenant for rule in rules)}
        if not rules:
            word = Word(Verdict.UNKNOWN, "the server has no alert rule")
        elif hiding:
            word = Word(Verdict.FLAGGED, f"{count(len(hiding), 'rule')} of {len(rules)} would not see a small tenant")
        elif not counts["by tenant"]:
            word = Word(Verdict.UNKNOWN, f"none of {count(len(rules), 'rule')} names the tenant")
        else:
            word = Word(Verdict.VERIFIED, f"{counts['by tenant']} of {count(len(rules), 'rule')} know tenants")
        yield self._said("M7", ALL_TENANTS, word, leads=leads, counts=counts)

    def _shares(self) -> Iterator[CheckResult]:
        queries = [self.asker.cost(name) for name in self.metrics.cost]
        queries += [q.replace("{tenant}", self.asker.label) for q in self.asker.source.usage.values()]
        if not queries:
            raise NoNumbers("no cost is declared; name counters in [metrics] cost, or queries in [prometheus.usage]")
        vectors = [self.asker.now(query) for query in queries]

        def word(tenant: str) -> Word:
            known = [v.values.get(tenant) for v in vectors]
            if any(value is None for value in known):
                return Word(
                    Verdict.UNKNOWN, f"{sum(v is None for v in known)} of {len(known)} costs are not exported for it"
                )
            totals = [sum(value or 0.0 for value in v.values.values()) for v in vectors]
            shares = [
                f"{100 * (value or 0.0) / total:.0f} %" for value, total in zip(known, totals, strict=True) if total
            ]
            return Word(Verdict.VERIFIED, f"takes {', '.join(shares) or 'nothing'}")

        yield from self._each("M8", word)
