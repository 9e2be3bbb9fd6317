"""Scenes that look the same on every machine: frozen clock, fixed ids, a person with a fixed name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen

from stas_tui.app import StasApp
from stas_tui.demo.profile import make_demo
from stas_tui.locations import Locations
from stas_tui.screens.change_review import ChangeReviewScreen
from stas_tui.screens.change_reviews import ReviewsScreen
from stas_tui.screens.gate import GateScreen
from stas_tui.screens.handover import HandOverScreen
from stas_tui.screens.incident import IncidentScreen
from stas_tui.screens.review import ReviewScreen
from stas_tui.screens.summary import SummaryScreen
from stas_tui.screens.text_edit import TextScreen
from stas_tui.screens.triage import OnCallScreen
from stas_tui.toolbox import Toolbox
from stas_tui.wiring import Application
from storage.clock import ManualClock
from storage.records import Json
from tests.screens.hands import Hands, open_application, walk
from tests.screens.oncall_world import ACME, burning, go_to

PERSON = "kim"
START = 1_795_000_027_000

RESULT: Json = {
    "outcome": "PARTIAL",
    "kind": "verification incomplete",
    "because": ["it says success, ended with 0 and changed what the prompt lists", "2 files changed, 1 commits"],
    "report": {
        "outcome": "SUCCESS",
        "summary": "Each tenant holds at most 4 of the 16 connections; a test holds acme's four meanwhile.",
        "deviations": [
            {
                "rule": 2,
                "what": "A missing guard: an empty tenant id was counted as a tenant of its own.",
                "why": "The limit would not have held for requests without a token.",
                "files": ["ledger/pool.py"],
                "tenant_isolation": "queries",
            },
            {
                "rule": 3,
                "what": "The base image is pinned, because the registry answered 429.",
                "why": "",
                "files": ["Dockerfile"],
                "tenant_isolation": "none",
            },
        ],
        "blocker": "",
        "options": [],
        "recommendation": "",
        "rollback": "Roll the image tag from before this change out with ops/rollout.sh.",
        "follow_ups": [],
    },
    "verification": [
        {"command": "python3 -m unittest discover -s tests -t .", "state": "passed", "detail": ""},
        {"command": "docker compose build", "state": "not run", "detail": "the container engine does not answer"},
        {"command": "curl -fsS http://127.0.0.1:8080/health", "state": "failed", "detail": "exit 7"},
    ],
    "undeclared": ["Dockerfile"],
}

SLACK = (
    "Incident: 503 for four tenants while acme imports\n"
    "T-301 is claimed; nothing is changed yet.\n"
    "Rollback of pull request 15 is ready, 4 minutes.\n"
    "Pulse 1, environment demo."
)


def fixed_application(home: Any) -> Application:
    """The demo's parts with a frozen clock, numbered ids and a person called kim."""
    clock = ManualClock(START)
    profile = make_demo(Locations.find(home), seed=1, clock=clock)
    application = open_application(profile, clock=clock, fixed_ids=True)
    application.person = PERSON
    return application


def at_health(application: Application) -> None:
    """The pulse has looked at everything and stands before the work."""
    walk(application, step=7)


def at_gate(application: Application) -> None:
    """A message to the human waits for a decision. Its digest covers repositories and program: fixed places."""
    at_health(application)
    pulse = application.machine.current()
    assert pulse is not None
    door = application.context.door
    repos = {name: replace(repo, url=f"ssh://git@forge.example/{name}.git") for name, repo in door.rules.repos.items()}
    preset = replace(door.rules.preset, argv=("demo-executor",))
    toolbox = Toolbox(replace(door, rules=replace(door.rules, repos=repos, preset=preset)))
    toolbox.call(
        "slack_dm",
        {"message": SLACK, "category": "incident"},
        pulse_id=pulse.id,
        caller=application.context.agent,
        caused_by="M-501",
    )


def at_prompt(application: Application) -> None:
    """The task is claimed; its prompt lacks two sections."""
    walk(application, "gate", tool="spawn_executor")
    prompt: str = application.machine.work().state["prompt"]
    broken = prompt.replace("## Rollback Plan", "## Way Back", 1)
    application.machine.set_text("prompt", broken, by=PERSON)
    application.machine.advance()


def at_night(application: Application) -> None:
    """Alerts fire, CI is red, a source is dead, and a gate waits."""
    at_gate(application)
    burning(application)


Scene = tuple[Callable[[Application], None], Callable[[StasApp, Hands], Awaitable[None]]]


async def show_main(app: StasApp, hands: Hands) -> None:
    """The main screen, on the task."""
    await hands.press("2")


async def show_gate(app: StasApp, hands: Hands) -> None:
    """The open gate, read and unlocked."""
    await hands.open(GateScreen)
    await hands.read()
    await hands.press("home")
    hands.clock.advance(2_000)
    await hands.sees("read to the end")


async def show_prompt(app: StasApp, hands: Hands) -> None:
    """The prompt editor with its meter."""
    await hands.open(TextScreen)
    await hands.until(lambda: "sections filled" in hands.text or "There is no" in hands.text, "linted")


async def show_review(app: StasApp, hands: Hands) -> None:
    """A partial result with one deviation ticked."""
    view = app.main.view
    assert view is not None
    work = {"result": RESULT, "task": {"id": "T-301"}, "phase": "review"}
    await _push(app, hands, ReviewScreen(replace(view, work=work)))
    await hands.press("1")


async def show_summary(app: StasApp, hands: Hands) -> None:
    """The summary of the pulse so far."""
    draft = await app.hand.look(app.application.machine.draft)
    await _push(app, hands, SummaryScreen(draft, can_confirm=True))


async def show_on_call(app: StasApp, hands: Hands) -> None:
    """The on-call list, on the alert that is worst."""
    await hands.press("c")
    await hands.on(OnCallScreen)
    await go_to(hands, ACME)
    await hands.sees("after Share the pool")


async def show_incident(app: StasApp, hands: Hands) -> None:
    """Its state document, an hour's work in."""
    desk = app.application.desk
    desk.open_incident(ACME, by=PERSON)
    for kind, text in (
        ("impact", "acme can read rows of globex since 11:04"),
        ("status", "identified"),
        ("note", "the pool hands out a connection of another tenant"),
        ("decision", "roll back 9f2c41a, do not repair forward"),
        ("question", "was globex told?"),
    ):
        desk.write(ACME, by=PERSON, kind=kind, text=text)
    desk.role(ACME, by=PERSON, role="commander", who=PERSON)
    await show_on_call(app, hands)
    await hands.press("I")
    await hands.on(IncidentScreen)
    await hands.sees("was globex told?")


async def show_hand_over(app: StasApp, hands: Hands) -> None:
    """A sheet that somebody else wrote, not read to its end yet."""
    desk = app.application.desk
    desk.own([ACME], by="lena")
    desk.hand_over(by="lena", tried="restarted the pool, no change", questions="was globex told?")
    await show_on_call(app, hands)
    await hands.press("H")
    await hands.on(HandOverScreen)
    await hands.sees("read to the end first")


async def show_reviews(app: StasApp, hands: Hands) -> None:
    """The pull requests that want a review."""
    await hands.press("v")
    await hands.on(ReviewsScreen)
    await hands.sees("edge on all interfaces")


async def show_change(app: StasApp, hands: Hands) -> None:
    """Lena's pull request, read by every check that needs no rehearsal."""
    await show_reviews(app, hands)
    await hands.press("enter")
    await hands.on(ChangeReviewScreen)
    await hands.sees("Proposed: request changes.", "4 findings, 8 unknown", "flagged")
    await hands.until(lambda: "asking" not in hands.text, "everything is drawn")


async def _push(app: StasApp, hands: Hands, screen: Screen[Any]) -> None:
    await app.push_screen(screen)
    await hands.on(type(screen))


SCENES: dict[str, Scene] = {
    "main": (at_gate, show_main),
    "gate": (at_gate, show_gate),
    "prompt": (at_prompt, show_prompt),
    "review": (at_health, show_review),
    "summary": (at_health, show_summary),
    "oncall": (at_night, show_on_call),
    "incident": (at_night, show_incident),
    "handover": (at_night, show_hand_over),
    "reviews": (at_health, show_reviews),
    "change": (at_health, show_change),
}


async def play(scene: str, app: StasApp, pilot: Pilot[None]) -> Hands:
    """Bring the dashboard to a scene and let it settle; toasts are put away."""
    hands = Hands(app, pilot, app.application.clock)
    await hands.quiet()
    await hands.until(lambda: app.main.on_call.known, "the on-call line is drawn")
    app.clear_notifications()
    await pilot.pause()
    await SCENES[scene][1](app, hands)
    app.clear_notifications()
    await hands.quiet()
    await pilot.pause()
    return hands
