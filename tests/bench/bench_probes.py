"""G15: 1,000 health endpoints on 1,000 ports: our round against a raw asyncio client, and keys while a round runs.

The raw client opens a connection, sends the request and reads to the end; it judges nothing, resolves nothing and has
no time limit. A failure that is told of an endpoint that is healthy is false. Keys are measured in a dashboard whose
watcher asks all endpoints over and over in its own process.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rounds import Bench, median, ratio, run
from terminal import Metrics, Terminal, environment, python
from world import make_profile

from stas_tui.config_sources import HealthEndpoint
from stas_tui.config_sources import Watch as WatchTable
from stas_tui.health.probes import ProbeSource
from storage.clock import SystemClock
from storage.schema_watch import open_watch
from storage.watch import Watch
from storage.watch_records import Probe

SERVER = Path(__file__).with_name("health_server.py")
REQUEST = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"


@contextmanager
def services(count: int) -> Iterator[list[int]]:
    """The ports of that many healthy services in another process."""
    with subprocess.Popen(python(str(SERVER), str(count)), stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())
        finally:
            server.kill()


def ours(ports: Sequence[int]) -> Metrics:
    """One round of the source, as the watcher asks it."""
    asked = [HealthEndpoint(name=f"e{port}", url=f"http://127.0.0.1:{port}/health") for port in ports]
    source = ProbeSource("bench", asked, WatchTable(allow_private=("127.0.0.0/8",)), str)
    cpu, start = time.process_time(), time.perf_counter()
    answer = source.ask(SystemClock().now())
    took, used = time.perf_counter() - start, time.process_time() - cpu
    probes = [thing for thing in answer.things or () if isinstance(thing, Probe)]
    return {
        "ms": took * 1000,
        "cpu_ms": used * 1000,
        "false": float(len(ports) - sum(probe.word == "healthy" for probe in probes)),
        "latency_ms.max": float(max(probe.latency_ms or 0 for probe in probes)),
    }


def raw(ports: Sequence[int]) -> Metrics:
    """The same requests with nothing around them, a hundred at once."""

    async def one(port: int, free: asyncio.Semaphore) -> bool:
        async with free:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            answer = await reader.read()
            writer.close()
            return b"200 OK" in answer

    async def sweep() -> list[bool]:
        free = asyncio.Semaphore(100)
        return await asyncio.gather(*(one(port, free) for port in ports))

    cpu, start = time.process_time(), time.perf_counter()
    good = asyncio.run(sweep())
    took, used = time.perf_counter() - start, time.process_time() - cpu
    return {"ms": took * 1000, "cpu_ms": used * 1000, "false": float(good.count(False))}


def keys(home: Path, profile: str, count: int) -> Metrics:
    """Keys in the inbox; with endpoints configured the watcher's rounds run meanwhile."""
    argv = python("-m", "stas_tui", "--profile", profile)
    with Terminal(argv, env=environment(STAS_HOME=str(home))) as terminal:
        terminal.wait_for("subject first")
        terminal.calm()
        terminal.watch(3.0)
        for key in ("1", "home"):
            terminal.send(key)
            terminal.watch(0.3)
        found = terminal.keys([("down", "down", "up", "up")[n % 4] for n in range(count)])
    return {name: found[name] for name in ("paint_ms.p50", "paint_ms.p95", "key_cpu_ms")}


def configure(home: Path, name: str, ports: Sequence[int]) -> Path:
    """A profile with these endpoints, asked again as soon as a round is over; the path of what is known of them."""
    profile = make_profile(home, name, messages=1_000)
    tables = ['\n[watch]\nprobe_every_s = 1\nallow_private = ["127.0.0.0/8"]\n'] if ports else []
    health = [f'[[project.health]]\nname = "e{p}"\nurl = "http://127.0.0.1:{p}/health"\n' for p in ports]
    with profile.config_file.open("a", encoding="utf-8") as file:
        file.write("\n".join(["", *health, *tables]))
    return profile.watch_db


def bench(bench: Bench) -> None:
    """Rounds of ours, raw and a tenth in turn; then keys with and without endpoints."""
    size = 200 if bench.quick else 1_000
    home = bench.folder / "home"
    with services(size) as ports:
        few = ports[: size // 10]
        taken = bench.take_turns({"ours": lambda: ours(ports), "raw": lambda: raw(ports), "few": lambda: ours(few)})
        busy, _ = configure(home, "busy", ports), configure(home, "quiet", [])
        pressed = 16 if bench.quick else 80
        taken |= bench.take_turns(
            {"busy": lambda: keys(home, "busy", pressed), "quiet": lambda: keys(home, "quiet", pressed)}, warm=False
        )
    bench.table(taken)
    with open_watch(busy) as store:
        watched = [fact.thing for fact in Watch(store).facts("probe") if isinstance(fact.thing, Probe)]
    false = sum(word != "healthy" for probe in watched for word in probe.tries)
    bench.say("G15", f"{size} endpoints, times raw asyncio", ratio(taken["ours"], taken["raw"], "ms"), 12)
    bench.say("G15", f"{size} over {size // 10} endpoints", ratio(taken["ours"], taken["few"], "ms"), 12)
    bench.say("G15", "false failures in all rounds", sum(run["false"] for run in taken["ours"] + taken["few"]), 0)
    bench.say("G15", "endpoints that the dashboard's watcher knows", len(watched), size, least=True)
    bench.say("G15", "false failures it wrote down", false, 0)
    bench.say("G15", "key to paint during rounds, p95, ms", median(taken["busy"], "paint_ms.p95"), 16)
    bench.say("G15", "key to paint, p95, times without", ratio(taken["busy"], taken["quiet"], "paint_ms.p95"))


if __name__ == "__main__":
    run("probes", bench, rounds=5, quick_rounds=1)
