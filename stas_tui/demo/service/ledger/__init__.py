"""Ledger: a small bookkeeping service that keeps every tenant's entries apart."""

VERSION = "2.4.0"
