"""Which verdicts a pull request has: read from the forge, again whenever one is answered anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stas_tui.screens.change_reviews_read import state_of
from stas_tui.screens.hand import FALLBACK_S
from storage.errors import StasError

if TYPE_CHECKING:
    from stas_tui.screens.change_review import ChangeReviewScreen


async def watch_sent(screen: ChangeReviewScreen) -> None:
    """See what becomes of a verdict here, on another dashboard or by command, for as long as the screen stands."""
    application, hand = screen.app.application, screen.app.hand
    seen: tuple[str, str] | None = None
    with application.bell.listen() as ear:
        while screen.is_mounted:
            if await hand.look(hand.changed, "change") or seen is None:
                try:
                    state = await hand.look(state_of, application.context, screen.project_id, screen.number)
                except StasError as error:
                    screen.take_sent(None, str(error))
                else:
                    if seen is not None and state != seen:
                        await read_sent(screen)
                    seen = state
            await hand.wait_for(ear.wait, FALLBACK_S)


async def read_sent(screen: ChangeReviewScreen) -> None:
    """Show the verdicts that the forge has now."""
    context = screen.app.application.context
    try:
        repo = context.rules.repos[screen.project_id]
        screen.take_sent(await screen.app.hand.wait_for(context.door.forge.reviews, repo, screen.number))
    except StasError as error:
        screen.take_sent(None, str(error))
