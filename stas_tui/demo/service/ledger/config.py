"""Configuration comes from environment variables and nowhere else. Keys are listed in infra/environments/."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import FrozenSet, Mapping, Optional, Tuple


class ConfigError(ValueError):
    """A variable is missing or makes no sense; the service does not start."""


@dataclass(frozen=True)
class Settings:
    database: str = "ledger.db"
    host: str = "127.0.0.1"
    port: int = 8080
    tenants: Tuple[str, ...] = ()
    pool_size: int = 16
    pool_wait_s: float = 2.0
    statements_for: FrozenSet[str] = frozenset()
    tokens_file: Optional[str] = None

    @classmethod
    def from_env(cls, env: Optional[Mapping[str, str]] = None) -> "Settings":
        env = os.environ if env is None else env
        tenants = _names(env.get("LEDGER_TENANTS", ""))
        if not tenants:
            raise ConfigError("LEDGER_TENANTS is empty: name the tenants, separated by commas")
        statements_for = frozenset(_names(env.get("LEDGER_FEATURE_STATEMENTS", "")))
        strangers = statements_for - set(tenants)
        if strangers:
            raise ConfigError("LEDGER_FEATURE_STATEMENTS names unknown tenants: %s" % ", ".join(sorted(strangers)))
        return cls(
            database=env.get("LEDGER_DATABASE", "ledger.db"),
            host=env.get("LEDGER_HOST", "127.0.0.1"),
            port=_positive(env, "LEDGER_PORT", 8080),
            tenants=tenants,
            pool_size=_positive(env, "LEDGER_POOL_SIZE", 16),
            pool_wait_s=_positive(env, "LEDGER_POOL_WAIT_MS", 2000) / 1000,
            statements_for=statements_for,
            tokens_file=env.get("LEDGER_TOKENS_FILE") or None,
        )


def _names(text: str) -> Tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _positive(env: Mapping[str, str], key: str, default: int) -> int:
    text = env.get(key, str(default))
    try:
        value = int(text)
    except ValueError:
        raise ConfigError("%s must be a whole number, not %r" % (key, text)) from None
    if value < 1:
        raise ConfigError("%s must be at least 1, not %d" % (key, value))
    return value
