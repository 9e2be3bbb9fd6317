"""Every tool of the routine. The toolbox reads this list on its first call, out of the way of the first screen."""

from __future__ import annotations

from typing import Any

from stas_tui.gates.tools.board import CreateTask, FileFollowUps, TransitionTask
from stas_tui.gates.tools.claim import ClaimTask
from stas_tui.gates.tools.complete import CommitChanges, OpenPullRequest
from stas_tui.gates.tools.messages import AcknowledgeMessage, MessageAgent, Remember
from stas_tui.gates.tools.retarget import RetargetPr
from stas_tui.gates.tools.review_verdict import ReviewVerdict
from stas_tui.gates.tools.silence import EndSilence, SilenceAlert
from stas_tui.gates.tools.silence_longer import ExtendSilence
from stas_tui.gates.tools.slack import SlackDm
from stas_tui.gates.tools.spawn import SpawnExecutor
from stas_tui.gates.undo import UndoAction

TOOLS: tuple[type[Any], ...] = (
    ClaimTask,
    SpawnExecutor,
    CommitChanges,
    OpenPullRequest,
    RetargetPr,
    ReviewVerdict,
    TransitionTask,
    CreateTask,
    FileFollowUps,
    Remember,
    MessageAgent,
    SlackDm,
    AcknowledgeMessage,
    SilenceAlert,
    ExtendSilence,
    EndSilence,
    UndoAction,
)
"""Each is made once for a door; its `name` is what callers say."""
