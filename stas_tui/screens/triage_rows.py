"""The on-call list as rows: pure, from a `TriageList` to `ListRow`s, with marks, a fold, and what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from storage.records import Priority
from storage.triage_records import ItemClass, TriageItem, TriageList
from widgets.rows import Cell, Column, ListRow
from widgets.tokens import Mark

DIVIDER = "divider:aside"
"""The key of the row between what needs a person and what is put aside."""
TITLE = 400
"""Characters of a title that a row is made of; the detail has all of it."""
MANY = 999
UNRANKED = "P?"
"""Nobody said how bad it is; it is ordered among P1 (D9)."""

WIDE_COLUMNS = (
    Column(" kind", 9, ink="ink-2"),
    Column("P", 2),
    Column("what"),
    Column("state", 20, ink="ink-2"),
    Column("x", 4, right=True, ink="ink-2"),
    Column("owner", 9),
    Column("since", 8, right=True, ink="ink-3"),
)
NARROW_COLUMNS = (
    Column(" kind", 9, ink="ink-2"),
    Column("P", 2),
    Column("what"),
    Column("x", 3, right=True, ink="ink-2"),
    Column("owner", 7),
    Column("since", 7, right=True, ink="ink-3"),
)
"""Without a column of its own the state stands in front of the title."""

_MARKS = {
    ItemClass.INCIDENT: Mark.FAIL,
    ItemClass.GATE: Mark.HUMAN,
    ItemClass.DEPLOY: Mark.WARN,
    ItemClass.SOURCE: Mark.FAIL,
    ItemClass.TASK: Mark.TODO,
    ItemClass.MESSAGE: Mark.WARN,
    ItemClass.RUN: Mark.RUN,
    ItemClass.INFO: Mark.NOTE,
}
_PLAIN_WORDS = frozenset({"", "firing", "due", "new", "active", "waits"})
"""States that the kind of the item says already."""
_URGENT = (Priority.P0, Priority.P1)


def mark_of_item(item: TriageItem) -> Mark:
    """The glyph in front of an item."""
    if item.suppressed:
        return Mark.HELD
    if item.word == "resolved":
        return Mark.DONE
    if item.item_class is ItemClass.INCIDENT and item.priority not in (None, *_URGENT):
        return Mark.WARN
    if item.item_class is ItemClass.TASK and item.priority is Priority.P0:
        return Mark.FAIL
    return _MARKS[item.item_class]


def owner_cell(item: TriageItem, person: str) -> Cell:
    """Whose it is, in a word: `you`, a name, `nobody`; a gate waits for the person who is here."""
    if item.owner:
        return Cell("you", ink="human") if item.owner == person else Cell(item.owner[:TITLE], ink="ink-2")
    if item.item_class is ItemClass.GATE:
        return Cell("waits", ink="human")
    loud = not item.suppressed and (item.item_class is ItemClass.INCIDENT or item.priority is Priority.P0)
    return Cell("nobody", ink="warn" if loud else "ink-3")


def item_row(item: TriageItem, *, person: str, marked: bool, narrow: bool) -> ListRow:
    """One item as a row. The state is a glyph and a word, the age or the deadline ticks by itself."""
    title = item.title[:TITLE]
    if item.members:
        title = f"(+{len(item.members)}) {title}"
    word = (item.suppressed or item.word)[:TITLE]
    plain = word in _PLAIN_WORDS
    if narrow and not plain:
        title = f"{word}: {title}"
    count = f"x{min(item.count, MANY)}" if item.count > 1 else ""
    when = Cell(due=item.deadline, ink="human") if item.deadline is not None else Cell(at=item.first_seen)
    unseen = not item.suppressed and (item.note is None or item.note.seen_at is None)
    loud = item.priority is Priority.P0 and not item.suppressed
    cells = [
        Cell(f"{'+' if marked else ' '}{item.item_class.value}", ink="focus" if marked else "", bold=marked),
        Cell(item.priority.value if item.priority else UNRANKED, ink="crit" if loud else "ink-2", bold=loud),
        Cell(title, bold=unseen),
        Cell(word),
        Cell(count),
        owner_cell(item, person),
        when,
    ]
    if narrow:
        del cells[3]
    drawn = (title, word, count, marked, narrow, unseen, item.priority, item.owner, item.first_seen, item.deadline)
    return ListRow(
        key=item.key, version=hash((*drawn, mark_of_item(item))), cells=tuple(cells), state=mark_of_item(item)
    )


def divider_row(aside: tuple[TriageItem, ...], *, folded: bool, narrow: bool) -> ListRow:
    """The line below which everything is put aside, with what it is and how to see it."""
    hint = "enter shows them" if folded else "enter folds them"
    text = f"{len(aside)} put aside ── {hint}"
    cells = [Cell(" ───────", ink="ink-3"), Cell("──", ink="ink-3"), Cell(text, ink="ink-3")]
    return ListRow(key=DIVIDER, version=f"{len(aside)}{folded}{narrow}", cells=tuple(cells))


class TriageRows:
    """The source of the on-call list. Holds marks and the fold; rows are made when they are drawn.

    `marks` are keys in the order in which they were marked. One whose item is gone is dropped; one that the filter
    hides is kept, and no act touches it meanwhile.
    """

    def __init__(self, person: str, narrow_asked: Callable[[str], None]) -> None:
        """`narrow_asked` is told the query that a person types."""
        self.person = person
        self.narrow = False
        self.folded = True
        self.marks: dict[str, None] = {}
        self.fresh: dict[str, None] = {}
        """What came since the person last saw the part of the list where it stands."""
        self.query = ""
        self._asked = narrow_asked
        self._known: set[str] = set()
        self._shown = TriageList(at=0)
        self._items: dict[str, TriageItem] = {}
        self._order: list[str] = []
        self._index: dict[str, int] = {}
        self._first_shown = True

    # what it shows --------------------------------------------------------------------------------

    @property
    def shown(self) -> TriageList:
        """The list as the desk gave it."""
        return self._shown

    def show(self, shown: TriageList, query: str = "") -> None:
        """Show this list. Keys that were never in it are new, unless another query or the first look brought them."""
        keys = [item.key for item in shown.items]
        if self._first_shown or query != self.query:
            self._known.update(keys)
            self._first_shown = False
        arrived = [item.key for item in shown.items if item.key not in self._known and not item.suppressed]
        self._known.update(keys)
        self.query = query
        self._shown = shown
        self._items = {item.key: item for item in shown.items}
        self.marks = {key: None for key in self.marks if key in self._items or query}
        self.fresh = {key: None for key in (*self.fresh, *arrived) if key in self._items}
        self._arrange()

    def _arrange(self) -> None:
        aside = [item.key for item in self._shown.items if item.suppressed]
        self._order = [item.key for item in self._shown.items if not item.suppressed]
        if aside:
            self._order.append(DIVIDER)
            if not self.folded:
                self._order += aside
        self._index = {key: place for place, key in enumerate(self._order)}

    def fold(self) -> None:
        """Show what is put aside, or only how much it is."""
        self.folded = not self.folded
        self._arrange()

    def item(self, key: str | None) -> TriageItem | None:
        """The item of a row; None for the divider and for what is gone."""
        return self._items.get(key or "")

    @property
    def needy(self) -> int:
        """How many items need a person."""
        return sum(not item.suppressed for item in self._shown.items)

    # marks and news -------------------------------------------------------------------------------

    def toggle(self, key: str) -> None:
        """Mark an item, or take the mark away."""
        if key in self.marks:
            del self.marks[key]
        elif key in self._items:
            self.marks[key] = None

    def chosen(self, selected: str | None) -> list[str]:
        """What an act is about: everything that is marked, else the item under the cursor."""
        seen = [key for key in self.marks if key in self._items]
        if seen:
            return seen
        return [selected] if selected in self._items else []

    def looked_at(self, first: int, last: int) -> None:
        """Rows `first` to `last` (exclusive) are on the screen: what is new among them was seen."""
        for key in self._order[first:last]:
            self.fresh.pop(key, None)

    def above(self, first: int) -> list[TriageItem]:
        """What is new above row `first`, top to bottom."""
        return [item for key, item in self._fresh_items() if self._index[key] < first]

    def below(self, last: int) -> list[TriageItem]:
        """What is new from row `last` on."""
        return [item for key, item in self._fresh_items() if self._index[key] >= last]

    def _fresh_items(self) -> Iterable[tuple[str, TriageItem]]:
        found = [key for key in self.fresh if key in self._index]
        return [(key, self._items[key]) for key in sorted(found, key=self._index.__getitem__)]

    # a row source ---------------------------------------------------------------------------------

    def set_filter(self, text: str) -> None:
        """A person types a query; the desk answers it."""
        self._asked(text)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._order)

    def row(self, index: int) -> ListRow:
        """One row; IndexError if there is none."""
        key = self._order[index]
        if key == DIVIDER:
            aside = tuple(item for item in self._shown.items if item.suppressed)
            return divider_row(aside, folded=self.folded, narrow=self.narrow)
        return item_row(self._items[key], person=self.person, marked=key in self.marks, narrow=self.narrow)

    def index_of(self, key: str) -> int | None:
        """Where an item stands, or None."""
        return self._index.get(key)


def news_words(above: list[TriageItem], below: list[TriageItem]) -> str:
    """What came while the person looked elsewhere: `3 new above (1 P0)`, `2 new below`."""
    parts = []
    for found, where in ((above, "above"), (below, "below")):
        if found:
            worst = sum(item.priority is Priority.P0 for item in found)
            parts.append(f"{len(found)} new {where}" + (f" ({worst} P0)" if worst else ""))
    return ", ".join(parts) + (": n goes there" if parts else "")
