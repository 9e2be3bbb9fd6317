"""Rules in code that no text can talk down: branches, order of the routine, modes, secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stas_tui.forges.base import Repo
from stas_tui.gates.contract import Refusal, deny, lock
from storage.records import GateLevel, Json, Mode, OriginProof, SecretHit, Step, StepState
from storage.redact import scan

CHANGE_LANE_STEPS = range(1, 7)
"""Steps that stand before any change (D7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchPolicy:
    """R4-R8: everything is cut from the base branch and goes back to it; main is never touched."""

    base: str
    main: str

    def check_head(self, branch: str) -> None:
        """Raise if a change would be pushed onto a protected branch (R8)."""
        if branch in (self.main, self.base):
            raise deny("R8", f"{branch} is protected: work goes to a feature branch, never onto {branch} itself.")

    def check_base(self, base: str) -> None:
        """Raise if a pull request would target anything but the base branch (R6)."""
        if base != self.base:
            raise deny("R6", f"Pull requests target {self.base}; {base} is refused.")

    def check_origin(self, proof: OriginProof) -> None:
        """Raise if the branch carries commits of main that the base branch lacks (R5, R7)."""
        if proof.fork_point is None:
            raise deny("R5", f"The branch shares no history with {self.base}.", "Start again from a fresh workspace.")
        if proof.foreign:
            count = len(proof.foreign)
            which = ", ".join(sha[:8] for sha in proof.foreign[:3])
            what = f"{count} commits of {self.main} are" if count > 1 else f"1 commit of {self.main} is"
            raise deny(
                "R5",
                f"The branch was cut from {self.main}: {what} not on {self.base} ({which}).",
                f"Start again from {self.base}.",
            )


def branch_policy(repo: Repo) -> BranchPolicy:
    """The branch policy of one configured repository."""
    return BranchPolicy(base=repo.base, main=repo.main)


def order_locks(steps: Sequence[Step], *, project_id: str, vision_sha: str | None) -> list[Refusal]:
    """Why the change lane is locked (R2, R18, R26, R36, D7); empty if it is open.

    `vision_sha` is the hash of the project's vision as it stands now, None if none is set.
    """
    by_n = {step.n: step for step in steps}
    locks: list[Refusal] = []
    for n in CHANGE_LANE_STEPS:
        step = by_n[n]
        if step.state is StepState.FAILED:
            locks.append(
                lock("R2", f"Step {n} {step.name} failed: {step.note or 'no reason recorded'}.", "Run it again first.")
            )
        elif step.state in (StepState.TODO, StepState.ACTIVE) and n not in (4, 6):
            locks.append(lock("R2", f"Step {n} {step.name} has not been done in this pulse.", "Step through it first."))
    if by_n[6].state not in (StepState.DONE, StepState.SKIPPED, StepState.FAILED):
        locks.append(lock("R36", "The health scan has not run in this pulse.", "Run step 6 before picking up a task."))
    if by_n[4].state is not StepState.SKIPPED:
        read = by_n[4].data.get("visions", {}).get(project_id)
        if read is None or read.get("state") not in ("ok", "empty"):
            locks.append(
                lock("R26", f"The vision of {project_id} has not been read in this pulse.", "Run step 4 first.")
            )
        elif (read.get("sha256") or None) != vision_sha:
            locks.append(
                lock("R26", f"The vision of {project_id} changed after it was read.", "Run step 4 again and compare.")
            )
    return locks


def refuse_secret_args(tool: str, args: Json) -> None:
    """Raise if any text of a call, in whatever field, looks like a secret (R82); asked for every tool."""
    refuse_secrets([hit for name, text in _texts("", args) for hit in scan(text, name)], f"The call of {tool}")


def _texts(name: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(name, value)]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in _texts(f"{name}.{key}" if name else str(key), item)]
    if isinstance(value, list | tuple):
        return [found for n, item in enumerate(value, 1) for found in _texts(f"{name} {n}", item)]
    return []


def refuse_secrets(hits: Sequence[SecretHit], where: str) -> None:
    """Raise if anything looks like a secret (R82, R92). Names places and rules, never values."""
    if hits:
        places = "; ".join(f"{hit.place} ({hit.rule})" for hit in hits[:8])
        more = f" and {len(hits) - 8} more" if len(hits) > 8 else ""
        raise deny("R82", f"{where} holds what looks like a secret: {places}{more}.", "Take it out; rotate it if real.")


def level_in_mode(level: GateLevel, mode: Mode, *, always_asks: bool) -> GateLevel:
    """What a mode makes of a tool's level.

    Observe turns everything into a proposal. Trusted relaxes G to L, but never claim, spawn or pull request.
    """
    if mode is Mode.OBSERVE and level is GateLevel.LOG:
        return GateLevel.GATE
    if mode is Mode.TRUSTED and level is GateLevel.GATE and not always_asks:
        return GateLevel.LOG
    return level
