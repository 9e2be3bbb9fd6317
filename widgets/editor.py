"""A text editor for payloads and prompts: what is on the screen is exactly what is edited."""

from __future__ import annotations

from textual import events
from textual.widgets import TextArea

from widgets.printable import replaced, replaced_sentence, safe_text


class SafeEditor(TextArea):
    """Textual's text area, for printable text only and without a blinking cursor.

    Text that is loaded or pasted is made printable first, so that a person never approves what could not be seen;
    `changed_by_loading` says what that changed.
    """

    DEFAULT_CSS = """
    SafeEditor, SafeEditor:focus { border: none; background: $base; color: $ink; padding: 0 1; }
    """

    def __init__(self, text: str = "", *, id: str | None = None, read_only: bool = False) -> None:
        super().__init__(safe_text(text), id=id, read_only=read_only, soft_wrap=True, show_line_numbers=False)
        self.cursor_blink = False
        self._changed = replaced_sentence(replaced(text))

    @property
    def changed_by_loading(self) -> str:
        """What was replaced when the text was loaded, as a clause; empty if nothing was."""
        return self._changed

    def load_text(self, text: str) -> None:
        """Edit another text from its beginning."""
        self._changed = replaced_sentence(replaced(text))
        super().load_text(safe_text(text))

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text is made printable."""
        event.prevent_default()
        event.stop()
        if not self.read_only:
            self.insert(safe_text(event.text))
