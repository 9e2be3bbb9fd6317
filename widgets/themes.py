"""The two themes of Stas and the fallbacks that let every other Textual theme work.

An application registers both with `register(app)` and overrides `get_theme_variable_defaults` with
`variable_defaults(self.current_theme.dark)`: a theme that does not know our tokens would end the program otherwise.
With `NO_COLOR` set Textual draws every colour as a grey of the same luminance: contrast holds, `crit` stays bold, and
every state has its own glyph.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.theme import Theme

from widgets.tokens import DAY_TOKENS, NIGHT_TOKENS

if TYPE_CHECKING:
    from textual.app import App

NIGHT = "stas-night"
DAY = "stas-day"


def _theme(name: str, tokens: dict[str, str], *, dark: bool) -> Theme:
    return Theme(
        name=name,
        primary=tokens["focus"],
        secondary=tokens["ink-2"],
        accent=tokens["human"],
        warning=tokens["warn"],
        error=tokens["crit"],
        success=tokens["ok"],
        foreground=tokens["ink"],
        background=tokens["base"],
        surface=tokens["dialog"],
        panel=tokens["bar"],
        dark=dark,
        variables={
            **tokens,
            "scrollbar": tokens["rule"],
            "scrollbar-hover": tokens["ink-3"],
            "scrollbar-active": tokens["focus"],
            "scrollbar-background": tokens["base"],
            "scrollbar-background-hover": tokens["base"],
            "scrollbar-background-active": tokens["base"],
            "scrollbar-corner-color": tokens["base"],
            "block-cursor-background": tokens["cursor"],
            "block-cursor-foreground": tokens["ink"],
            "input-selection-background": tokens["cursor"],
        },
    )


def night() -> Theme:
    """The dark theme, the default."""
    return _theme(NIGHT, NIGHT_TOKENS, dark=True)


def day() -> Theme:
    """The light theme."""
    return _theme(DAY, DAY_TOKENS, dark=False)


def register(app: App[object]) -> None:
    """Make both themes known to an application and choose the dark one."""
    app.register_theme(night())
    app.register_theme(day())
    app.theme = NIGHT


def variable_defaults(dark: bool) -> dict[str, str]:
    """Our tokens for themes that do not define them."""
    return dict(NIGHT_TOKENS if dark else DAY_TOKENS)
