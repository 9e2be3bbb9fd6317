"""What a person does about isolation checks: run them, end them, accept a flag, take that back, draft a task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from stas_tui.gates.contract import Refusal
from stas_tui.isolation.cells import EVERYBODY
from stas_tui.isolation.cells_said import Said
from stas_tui.isolation.waivers import end_of, open_leads
from stas_tui.screens.dialogs import Ask
from stas_tui.screens.isolation_rows import waiver_words
from storage.check_records import ALL_TENANTS, Lead, Verdict, Waiver
from storage.errors import StasError
from widgets.printable import flat

if TYPE_CHECKING:
    from stas_tui.app import StasApp
    from stas_tui.screens.isolation_keys import IsolationKeys

OFFERED_DAYS = 30
"""So far ahead lies the last day that is offered."""
CELLS = 66


@dataclass(frozen=True, slots=True)
class Target:
    """What an act is about: one answer of one check in one row, and maybe one of its leads."""

    project_id: str
    tenant: str
    """The row."""
    said: Said
    lead: Lead | None = None

    @property
    def open_leads(self) -> tuple[Lead, ...]:
        """What a person has to answer for."""
        return open_leads(self.said.result) if self.said.result is not None and self.said.was is None else ()

    @property
    def name(self) -> str:
        """`D10 for acme`."""
        return f"{self.said.spec.id} for {self.tenant or EVERYBODY}"


class IsolationActs:
    """Acts of one screen; a refusal becomes a sentence, and nothing here blocks."""

    def __init__(self, screen: IsolationKeys) -> None:
        self.screen = screen

    @property
    def app(self) -> StasApp:
        """The application."""
        return self.screen.app

    def begin(self, name: str) -> None:
        """Begin an act by its name; the same one is not begun twice at once."""
        self.screen.run_worker(self._guarded(getattr(self, f"do_{name}")), group=f"act-{name}", exclusive=True)

    async def _guarded(self, act: Callable[[], Awaitable[None]]) -> None:
        try:
            await act()
        except (StasError, Refusal) as error:
            self.app.say(str(error), error=True)
        if self.screen.is_mounted:
            await self.screen.reload()

    # running --------------------------------------------------------------------------------------

    async def do_scan(self) -> None:
        """Run what no longer holds."""
        project = self._project()
        checks = await self.app.hand.look(self.app.application.rounds.due, project)
        if not checks:
            self.app.say("Every answer still holds; R runs all checks again.")
            return
        await self._start(project, checks)

    async def do_scan_all(self) -> None:
        """Run everything."""
        await self._start(self._project(), ())

    async def do_scan_tenant(self) -> None:
        """Run what answers for each tenant, and what is open in the row."""
        board, target = self.screen.board, self.screen.target()
        if board is None:
            return
        row = target.tenant if target is not None else ALL_TENANTS
        wanted: dict[str, None] = {}
        for cell in board.row(row):
            for said in cell.said:
                if said.spec.per_tenant or said.verdict in (Verdict.FLAGGED, Verdict.UNKNOWN):
                    wanted[said.spec.id] = None
        await self._start(board.project_id, tuple(wanted))

    async def do_scan_check(self) -> None:
        """Run the check under the cursor."""
        target = self.screen.target()
        if target is not None:
            await self._start(target.project_id, (target.said.spec.id,))

    async def _start(self, project: str, checks: Sequence[str]) -> None:
        view = self.app.main.view
        pulse = view.pulse if view is not None else None
        pulse_id = pulse.id if pulse is not None and pulse.ended_at is None else None
        rounds = self.app.application.rounds
        await self.app.hand.answer(rounds.start, project, checks, pulse_id=pulse_id)
        what = f"{len(checks)} check{'' if len(checks) == 1 else 's'}" if checks else "All checks"
        self.app.say(f"{what} of {flat(project, CELLS)} started beside this screen; X ends them.")

    async def do_cancel(self) -> None:
        """End what runs."""
        if await self.app.hand.answer(self.app.application.rounds.cancel, self._project()):
            self.app.say("The checks end; what they found stands.")

    def _project(self) -> str:
        board = self.screen.board
        assert board is not None
        return board.project_id

    # accepting ------------------------------------------------------------------------------------

    async def do_accept(self) -> None:
        """Accept one lead, or everything that the check says for the row."""
        from stas_tui.screens.isolation_form import AcceptForm

        target = self.screen.target()
        if target is None:
            return
        lead = target.lead if target.lead in target.open_leads else None
        if lead is None and len(target.open_leads) == 1:
            lead = target.open_leads[0]
        if lead is not None:
            covers = f"Only this: {flat(f'{lead.place} {lead.text}'.strip(), 240)}"
        else:
            covers = f"All {len(target.open_leads)} leads, and what the check finds here until then, also what is new."
        today = self._today()
        until = today + timedelta(days=OFFERED_DAYS)
        whom = target.tenant or "every tenant"
        typed = await self.app.push_screen_wait(
            AcceptForm(f"Accept what {target.said.spec.id} says for {flat(whom, 60)}?", covers, today, until)
        )
        if typed is None:
            return
        reason, day = typed
        made = await self.app.hand.answer(
            self.app.application.rounds.accept,
            target.project_id,
            target.said.spec.id,
            tenant=target.tenant,
            fingerprint=lead.fingerprint if lead is not None else "",
            reason=reason,
            by=self.app.application.person,
            until=end_of(day),
        )
        self.app.say(f"{made.check}: {waiver_words(made)}. It stays visible; E takes it back.")

    def acceptances(self, target: Target) -> list[Waiver]:
        """Acceptances that count for the check in this row."""
        board = self.screen.board
        if board is None:
            return []
        return [
            waiver
            for waiver in board.waivers
            if waiver.check == target.said.spec.id
            and waiver.counts_at(board.at)
            and waiver.tenant in (ALL_TENANTS, target.tenant)
        ]

    async def do_end(self) -> None:
        """Take an acceptance back."""
        target = self.screen.target()
        found = self.acceptances(target) if target is not None else []
        if target is None or not found:
            return
        choices = {
            chr(ord("a") + n): flat(f"{waiver.tenant or EVERYBODY}: {waiver_words(waiver)}", CELLS)
            for n, waiver in enumerate(found[:9])
        }
        answer = await self.app.push_screen_wait(
            Ask(f"End an acceptance of {target.said.spec.id}?", "What it covers is open again at once.", choices)
        )
        if answer is not None:
            waiver = found[ord(answer) - ord("a")]
            person = self.app.application.person
            await self.app.hand.answer(self.app.application.rounds.checks.end_waiver, waiver.id, by=person)
            self.app.say(f"Ended: {waiver_words(waiver)}. It is open again.")

    def _today(self) -> date:
        return datetime.fromtimestamp(self.app.application.clock.now() / 1000, UTC).date()

    # a task, a draft ------------------------------------------------------------------------------

    async def do_task(self) -> None:
        """A task filled in from the lead; a person completes it, then it goes through the door."""
        target = self.screen.target()
        if target is not None:
            draft = await self.app.hand.look(self._draft, target)
            self.app.main.flow.draft_task(draft)

    def _draft(self, target: Target) -> dict[str, object]:
        from stas_tui.pulse.gaps import draft_of

        platform = self.app.application.context.door.platform
        leads = (target.lead,) if target.lead is not None else target.open_leads or target.said.leads
        return draft_of(target.project_id, target.said, leads, [target.tenant], platform.tasks(target.project_id))

    async def do_draft(self) -> None:
        """Draft the tenancy file from the repository, as `stas tenancy init` does."""
        told = await self.app.hand.act(self.app.application.rounds.draft, self._project())
        self.app.say("\n".join(told), lasting=True)
