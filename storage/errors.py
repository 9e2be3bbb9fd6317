"""What can go wrong with a store, in sentences a person can act on."""

from __future__ import annotations


class StasError(Exception):
    """Anything that Stas explains to a person.

    `str(error)` says what happened; `mend` says what to do about it.
    """

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.what} {self.mend}".strip()


class StoreError(StasError):
    """A database could not do what was asked; nothing was half written."""


class StoreUnavailable(StoreError):
    """The database stayed locked for longer than the bound."""


class StoreFull(StoreError):
    """The disk, or the size allowed to the database, is used up."""


class StoreReadOnly(StoreError):
    """The database file cannot be written."""


class StoreGone(StoreError):
    """The database file was deleted or replaced while it was open."""


class StoreCorrupt(StoreError):
    """The file is not a database, or its content is damaged."""


class SchemaTooNew(StoreError):
    """The database was written by a newer Stas."""
