"""X1-X4 on what was read: secrets and settings for each tenant, flags, ages. Names and hashes only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from stas_tui.isolation.base import LIVE_MS, World, unknown
from stas_tui.isolation.declared import Settings, Tenant
from stas_tui.isolation.settings.files import Read, read
from storage.check_records import ALL_TENANTS, CheckResult, Lead, Verdict
from storage.clock import DAY

_SECRET = re.compile(r"(pass(word|wd)?|secret|token|api_?key|private_?key|credential|dsn)", re.IGNORECASE)


def secrets(world: World, settings: Settings, tenants: Sequence[Tenant]) -> Iterator[CheckResult]:
    """X1: each declared secret exists under the tenant's own name, and no two tenants have the same value (R114)."""
    named = _listed(settings)
    own = {tenant.name: _files(world, settings, tenant) for tenant in tenants}
    everywhere = [
        read(world, template)
        for template in settings.files
        if "{tenant}" not in template and "{environment}" not in template
    ]
    for tenant in tenants:
        files = [*own[tenant.name], *everywhere]
        troubles = [f"{file.path} {file.trouble}" for file in files if file.trouble]
        known = {name for file in files for name in file.names} | set(named)
        leads = []
        for template in settings.secrets:
            name = template.replace("{tenant}", tenant.key)
            shared = re.sub(r"[._-]?\{tenant\}[._-]?", "", template)
            if name not in known and name.upper() not in known and shared in known and shared != template:
                leads.append(
                    _lead("secret-shared", shared, f"{tenant.name} has no {name}; only {shared} is there for all")
                )
        leads += _same(own, tenant)
        if leads:
            yield _result(world, "X1", tenant.name, Verdict.FLAGGED, leads[0].text, files, leads=leads)
        elif not settings.secrets and not own[tenant.name]:
            yield unknown(
                world, "X1", "no secret is declared; name them in [settings] secrets or files", tenant=tenant.name
            )
        elif troubles:
            yield _result(world, "X1", tenant.name, Verdict.UNKNOWN, troubles[0], files)
        else:
            missing = [
                t
                for t in settings.secrets
                if not {t.replace("{tenant}", tenant.key), t.replace("{tenant}", tenant.key).upper()} & known
            ]
            if missing:
                reason = f"{missing[0].replace('{tenant}', tenant.key)} is in no file and no listing"
                yield _result(world, "X1", tenant.name, Verdict.UNKNOWN, reason, files)
            else:
                yield _proved(
                    world,
                    "X1",
                    tenant.name,
                    f"{len(settings.secrets)} secrets under its own name, none shared",
                    files,
                    listed=bool(named),
                )


def _same(own: dict[str, list[Read]], tenant: Tenant) -> list[Lead]:
    """Secrets whose value another tenant has too, by hash."""
    mine = {n: h for file in own[tenant.name] for n, h in file.names.items() if h and _SECRET.search(n)}
    found = []
    for name, digest in mine.items():
        others = [t for t, files in own.items() if t != tenant.name and any(f.names.get(name) == digest for f in files)]
        if others:
            place = next(file.path for file in own[tenant.name] if name in file.names)
            text = f"{name} is the same for {tenant.name} and {', '.join(others[:3])}"
            found.append(Lead(rule="secret-same", text=text, path=place, code=name, severity="crit", anchor=name))
    return found


def configuration(world: World, settings: Settings, tenants: Sequence[Tenant]) -> Iterator[CheckResult]:
    """X2: every key exists for every tenant and environment, and what must differ does (R65, R113)."""
    if not settings.keys and not settings.differing:
        for tenant in tenants:
            yield unknown(world, "X2", "no key is declared; name them in [settings] keys", tenant=tenant.name)
        return
    every = {tenant.name: _files(world, settings, tenant) for tenant in tenants}
    for tenant in tenants:
        files = every[tenant.name]
        leads, troubles = [], [f"{file.path} {file.trouble}" for file in files if file.trouble]
        for environment in settings.environments or ("",):
            here = [file for file in files if not environment or environment in file.path] or files
            for key in (*settings.keys, *settings.differing):
                if not any(key in file.names for file in here) and here and not any(file.trouble for file in here):
                    where = f" in {environment}" if environment else ""
                    leads.append(_lead("key-missing", here[0].path, f"{tenant.name} has no {key}{where}", code=key))
        for key in settings.differing:
            mine = {file.names[key] for file in files if key in file.names}
            for other, theirs in every.items():
                if other != tenant.name and mine & {file.names[key] for file in theirs if key in file.names}:
                    leads.append(
                        _lead("key-same", files[0].path, f"{key} is the same for {tenant.name} and {other}", code=key)
                    )
        if leads:
            yield _result(world, "X2", tenant.name, Verdict.FLAGGED, leads[0].text, files, leads=leads)
        elif troubles or not files:
            reason = troubles[0] if troubles else "no file with {tenant} in its name is declared in [settings] files"
            yield _result(world, "X2", tenant.name, Verdict.UNKNOWN, reason, files)
        else:
            total = len(settings.keys) + len(settings.differing)
            yield _proved(world, "X2", tenant.name, f"{total} keys are there", files)


def flags(world: World, settings: Settings, tenants: Sequence[Tenant]) -> CheckResult:
    """X3: each declared flag can tell tenants apart; one that is on for all by default cannot (R115)."""
    if not settings.flags or not settings.flag:
        return unknown(world, "X3", "no flag file and flags are declared; name them in [settings] flags and flag")
    path = Path(settings.flags).expanduser()
    try:
        if path.is_absolute():
            text = path.read_text("utf-8")
        else:
            text = (world.tree.read(settings.flags) or b"").decode("utf-8") if world.tree is not None else ""
        found = _parsed(text, settings.flags)
    except (OSError, ValueError) as error:
        return unknown(world, "X3", f"{settings.flags} cannot be read ({type(error).__name__})")
    leads, doubts = [], []
    for name in settings.flag:
        flag = found.get(name)
        if not isinstance(flag, dict):
            doubts.append(f"{name} is not in {settings.flags}")
            continue
        targets = flag.get("tenants")
        values = (
            {str(targets.get(t.key, targets.get(t.name, flag.get("default")))) for t in tenants}
            if isinstance(targets, dict)
            else set()
        )
        if not isinstance(targets, dict) or not targets:
            grave = "on" if flag.get("default") is True else "the same"
            leads.append(
                _lead(
                    "flag-untargeted", settings.flags, f"{name} is {grave} for every tenant and names none", code=name
                )
            )
        elif len(tenants) > 1 and len(values) < 2:
            doubts.append(f"{name} names tenants and is the same for all declared ones")
    file = Read(settings.flags, {}, path.is_absolute())
    if leads:
        return _result(world, "X3", ALL_TENANTS, Verdict.FLAGGED, leads[0].text, [file], leads=leads)
    if doubts:
        return _result(world, "X3", ALL_TENANTS, Verdict.UNKNOWN, doubts[0], [file])
    return _proved(world, "X3", ALL_TENANTS, f"{len(settings.flag)} flags differ between declared tenants", [file])


def rotation(world: World, settings: Settings, tenants: Sequence[Tenant]) -> Iterator[CheckResult]:
    """X4: no secret of the listing is older than allowed."""
    ages = _listed(settings)
    now = world.clock.now()
    for tenant in tenants:
        if not ages:
            reason = "no listing of secrets with their dates; name one in [settings] secret_listing"
            yield unknown(world, "X4", reason, tenant=tenant.name)
            continue
        mine = {n: at for n, at in ages.items() if tenant.key.lower() in n.lower() or tenant.name.lower() in n.lower()}
        file = Read(settings.secret_listing, {}, deployed=True)
        old = {name: (now - at) // DAY for name, at in mine.items() if at and now - at > settings.rotate_days * DAY}
        undated = [name for name, at in mine.items() if not at]
        if old:
            leads = [
                _lead(
                    "secret-overdue",
                    name,
                    f"{name} is {days} days old; {settings.rotate_days} are allowed",
                    code=settings.secret_listing,
                )
                for name, days in sorted(old.items(), key=lambda item: -item[1])
            ]
            yield _result(world, "X4", tenant.name, Verdict.FLAGGED, leads[0].text, [file], leads=leads)
        elif not mine or undated:
            reason = f"{undated[0]} has no date" if undated else f"the listing names no secret of {tenant.name}"
            yield _result(world, "X4", tenant.name, Verdict.UNKNOWN, reason, [file])
        else:
            reason = f"{len(mine)} secrets, none older than {settings.rotate_days} days"
            yield _proved(world, "X4", tenant.name, reason, [file], listed=True)


def _listed(settings: Settings) -> dict[str, int | None]:
    """Names of secrets with when they were made or last changed (UTC milliseconds)."""
    if not settings.secret_listing:
        return {}
    try:
        data = json.loads(Path(settings.secret_listing).expanduser().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    rows = data.get("secrets", []) if isinstance(data, dict) else data
    found: dict[str, int | None] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("name"), str):
            stamp = next((row[key] for key in ("rotated", "updated_at", "created", "created_at") if row.get(key)), None)
            found[row["name"]] = _time(stamp)
    return found


def _time(stamp: Any) -> int | None:
    try:
        return int(datetime.fromisoformat(str(stamp)).timestamp() * 1000)
    except ValueError:
        return None


def _parsed(text: str, path: str) -> dict[str, Any]:
    if path.endswith(".json"):
        data = json.loads(text)
    else:
        import yaml

        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ValueError("no YAML") from error
    return data if isinstance(data, dict) else {}


def _files(world: World, settings: Settings, tenant: Tenant) -> list[Read]:
    """The files of a tenant, one for each environment where the name holds one."""
    found = []
    for template in settings.files:
        if "{tenant}" in template:
            places = settings.environments if "{environment}" in template else ("",)
            found += [read(world, template, tenant=tenant.key, environment=place) for place in places or ("",)]
    return found


def _lead(rule: str, path: str, text: str, *, code: str = "") -> Lead:
    return Lead(rule=rule, text=text, path=path, code=code, anchor=f"{path} {code} {text}")


def _proved(
    world: World, check: str, tenant: str, reason: str, files: Sequence[Read], *, listed: bool = False
) -> CheckResult:
    """Verified only where the deployed files or a listing of the store were read; a commit's files are a promise."""
    live = listed or (bool(files) and all(file.deployed for file in files))
    if not live:
        return _result(
            world,
            check,
            tenant,
            Verdict.UNKNOWN,
            f"no lead: {reason} in the repository; what is deployed was not read",
            files,
        )
    return _result(world, check, tenant, Verdict.VERIFIED, reason, files, live=True)


def _result(
    world: World, check: str, tenant: str, verdict: Verdict, reason: str, files: Sequence[Read], *,
    leads: Sequence[Lead] = (), live: bool = False,
) -> CheckResult:  # fmt: skip
    now = world.clock.now()
    return CheckResult(
        check=check, project_id=world.project_id, tenant=tenant, verdict=verdict, reason=reason,
        target=", ".join(dict.fromkeys(file.path for file in files[:4])) or "settings",
        started_at=now, ended_at=now, expires_at=now + LIVE_MS,
        counts={"files": len(files), "names": sum(len(file.names) for file in files)},
        leads=tuple(leads), live=live, tool="names and hashes only",
    )  # fmt: skip
