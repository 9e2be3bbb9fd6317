"""Leads of the checks on what is shared: keys of caches and stores, and jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stas_tui.isolation.code.known import Known
from storage.check_records import Lead

Facts = dict[str, Any]

KEY, JOB = "shared-key", "job-context"


@dataclass(slots=True)
class Shared:
    """What was seen of keys and jobs."""

    keys: int = 0
    jobs: int = 0
    enqueued: int = 0
    leads: list[Lead] = field(default_factory=list)


def judge_keys(known: Known) -> Shared:
    """Every key of a cache, an object store or a lock."""
    seen = Shared()
    for path in sorted(known.files):
        seen.keys += known.files[path].get("K", 0)
        for function in known.files[path].get("f", ()):
            keys = function.get("k", ())
            if not keys or known.words.is_staff(path, function["q"]) or not _touches_tenants(known, function):
                continue
            holds = any(entry.startswith(("param ", "self ")) for entry in function.get("h", ()))
            for key in keys:
                if holds or not _fixed(key["k"]):
                    seen.leads.append(_key(path, function, key))
    return seen


def _touches_tenants(known: Known, function: Facts) -> bool:
    """Whether a function holds a tenant, or reads a table of tenants."""
    if any(not entry.startswith("caller ") for entry in function.get("h", ())):
        return True
    models = [model for site in function.get("s", ()) for model in site.get("m", ())]
    models += [model for names in function.get("B", ()) for model in names.split(",")]
    tables = (table for site in function.get("s", ()) for table, _, _ in site.get("t", ()))
    return any(known.belongs(model) for model in models) or any(known.tables.get(table) for table in tables)


def _fixed(key: str) -> bool:
    """Whether a key is a constant: without a tenant at hand it names something of the whole system."""
    return key[:1] in "'\"" and key[1:-1].isprintable() and "{" not in key


def _key(path: str, function: Facts, key: Facts) -> Lead:
    text = f"{function['q'] or 'the module'} uses a key without the tenant: {key['w']} {key['k']}"
    return Lead(
        rule=KEY, text=text, path=path, line=key["l"], code=key["k"], accuses=False,
        anchor=f"{function['q']} {key['w']} {key['k']}",
    )  # fmt: skip


def judge_jobs(known: Known) -> Shared:
    """Every job, and every place that puts one into a queue."""
    seen = Shared()
    sent: dict[str, list[tuple[str, Facts]]] = {}
    run_by_workers: set[str] = set()
    for path, facts in known.files.items():
        run_by_workers |= set(facts.get("W", ()))
        for job in facts.get("q", ()):
            sent.setdefault(job["n"], []).append((path, job))
    run = run_by_workers | sent.keys()
    for path in sorted(known.files):
        facts = known.files[path]
        tasks = {task["f"]: task for task in facts.get("j", ())}
        functions = {}
        for function in facts.get("f", ()):
            name = function["q"].rpartition(".")[2]
            if name in tasks or name in run:
                functions[name] = function
                tasks.setdefault(name, {"n": name, "f": name, "t": "", "b": ""})
        for name, task in tasks.items():
            places = [place for key in dict.fromkeys((task["n"], name)) for place in sent.get(key, ())]
            seen.jobs += 1
            seen.enqueued += len(places)
            seen.leads += _job(known, path, task, functions.get(name), places)
    return seen


def _job(
    known: Known, path: str, task: Facts, function: Facts | None, places: list[tuple[str, Facts]]
) -> Iterator[Lead]:
    """A job that reads a table of tenants and neither gets nor sets the tenant."""
    if task["t"] or task["b"] or function is None or function.get("a"):
        return
    if any(entry.startswith(("param ", "field ")) for entry in function.get("h", ())):
        return
    open_sites = [site for site in function.get("s", ()) if any(known.belongs(model) for model in site.get("m", ()))]
    by_rows = [site for site in open_sites if any(entry[1] in ("param", "local") for entry in site.get("w", ()))]
    if not by_rows or not places:
        return
    model = next(model for model in by_rows[0]["m"] if known.belongs(model))
    origins = ", ".join(f"{where}:{job['l']}" for where, job in places[:3])
    text = f"the job {task['n']} reads {model} and gets no tenant; it is put into the queue at {origins}"
    yield Lead(
        rule=JOB, text=text, path=path, line=by_rows[0]["l"], code=by_rows[0]["c"], accuses=False,
        anchor=f"{task['f']} {model}",
    )  # fmt: skip
