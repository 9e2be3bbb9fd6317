"""A Slack on loopback that is as nasty as the real one can be: it delivers and hangs up, limits, stalls and lies."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

TOKEN = "xoxb-test-" + "0" * 12
MEMBER = "U0SKY0001"
CHANNEL = "D0SKY0001"
LIMIT_PAGE = "<html><body><h1>Too many requests</h1></body></html>"


@dataclass
class Trouble:
    """What goes wrong with the next request of a method, and whether the work is done first."""

    how: str
    """`drop`, `429`, `5xx`, `stall`, `cut`, `html`, `redirect`, `endless`, or an error word of Slack."""
    deliver: bool = False
    times: int = 1
    extra: dict[str, Any] = field(default_factory=dict)


class SlackDouble:
    """Messages of one direct conversation, and every request as it came."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.raw = b""
        self.troubles: dict[str, list[Trouble]] = {}
        self.page = 100
        self.released = threading.Event()
        """Lets stalled requests go on."""
        self.delivered = threading.Event()
        """A message is there."""
        self._lock = threading.Lock()
        self._ts = 1_795_000_000
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                double.handle(self)

            def do_GET(self) -> None:
                double.handle(self)

            def log_message(self, format: str, *args: object) -> None:
                """Silence."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/api/"

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def trouble(self, method: str, how: str, *, deliver: bool = False, times: int = 1, **extra: Any) -> None:
        self.troubles.setdefault(method, []).append(Trouble(how, deliver, times, extra))

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [args for name, args in self.requests if name == method]

    def texts(self) -> list[str]:
        return [message["text"] for message in self.messages]

    # one request ------------------------------------------------------------------------------------

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length)
        method = request.path.partition("?")[0].removeprefix("/api/")
        args = _args(request, body)
        with self._lock:
            self.raw += body
            self.requests.append((method, args))
            trouble = self._next(method)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        work: Callable[[], dict[str, Any]] = lambda: self._work(method, args)  # noqa: E731
        if token != TOKEN:
            work = lambda: {"ok": False, "error": "invalid_auth"}  # noqa: E731
        if trouble is None:
            with self._lock:
                answer = work()
            _send(request, 200, json.dumps(answer).encode())
            return
        if trouble.deliver and trouble.how != "stall":
            with self._lock:
                work()
        self._go_wrong(request, trouble, work)

    def _next(self, method: str) -> Trouble | None:
        waiting = self.troubles.get(method)
        if not waiting:
            return None
        trouble = waiting[0]
        trouble.times -= 1
        if trouble.times <= 0:
            waiting.pop(0)
        return trouble

    def _go_wrong(self, request: BaseHTTPRequestHandler, trouble: Trouble, work: Callable[[], dict[str, Any]]) -> None:
        how, extra = trouble.how, trouble.extra
        if how == "drop":
            _hang_up(request)
        elif how == "429":
            headers = {"Retry-After": str(extra["after"])} if "after" in extra else {}
            _send(request, 429, LIMIT_PAGE.encode(), "text/html", headers)
        elif how == "5xx":
            _send(request, extra.get("status", 503), b"upstream connect error", "text/plain")
        elif how == "html":
            _send(request, extra.get("status", 200), b"<html>sign in to the hotel</html>", "text/html")
        elif how == "redirect":
            _send(request, 302, b"", headers={"Location": extra["to"]})
        elif how == "cut":
            request.send_response(200)
            request.send_header("Content-Length", "1000")
            request.end_headers()
            request.wfile.write(b'{"ok": true')
            _hang_up(request)
        elif how == "endless":
            request.send_response(200)
            request.send_header("Content-Length", str(1 << 40))
            request.end_headers()
            try:
                while not self.released.is_set():
                    request.wfile.write(b" " * 65_536)
            except OSError:
                pass
            _hang_up(request)
        elif how == "stall":
            assert self.released.wait(30)
            if trouble.deliver:
                with self._lock:
                    work()
            _hang_up(request)
        elif how == "slow":
            self.released.wait(extra["seconds"])
            with self._lock:
                answer = work()
            _send(request, 200, json.dumps(answer).encode())
        elif how == "drip":
            try:
                for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 600:
                    request.connection.sendall(bytes([byte]))
                    if self.released.wait(0.1):
                        break
            except OSError:
                pass
            _hang_up(request)
        elif how == "raw":
            _send(request, 200, extra["body"])
        else:
            _send(request, 200, json.dumps({"ok": False, "error": how, **extra}).encode())

    def _work(self, method: str, args: dict[str, Any]) -> dict[str, Any]:
        if method == "conversations.open":
            if args.get("users") != MEMBER:
                return {"ok": False, "error": "user_not_found"}
            return {"ok": True, "channel": {"id": CHANNEL}}
        if args.get("channel") != CHANNEL:
            return {"ok": False, "error": "channel_not_found"}
        if method == "chat.postMessage":
            problem = _problem(args)
            if problem:
                return problem
            self._ts += 1
            message = {"type": "message", "ts": f"{self._ts}.000100", "text": args["text"], "blocks": args["blocks"]}
            message |= {"metadata": args["metadata"]}
            self.messages.append(message)
            self.delivered.set()
            return {"ok": True, "channel": CHANNEL, "ts": message["ts"], "message": message}
        if method == "chat.update":
            for message in self.messages:
                if message["ts"] == args.get("ts"):
                    message |= {"text": args["text"], "blocks": args["blocks"], "metadata": args["metadata"]}
                    message["edited"] = {"user": "U0BOT"}
                    return {"ok": True, "channel": CHANNEL, "ts": message["ts"], "text": message["text"]}
            return {"ok": False, "error": "message_not_found"}
        if method == "conversations.history":
            return self._history(args)
        return {"ok": False, "error": "unknown_method"}

    def _history(self, args: dict[str, Any]) -> dict[str, Any]:
        newest = [m for m in reversed(self.messages) if float(m["ts"]) >= float(args.get("oldest", 0))]
        start = int(args.get("cursor") or 0)
        size = min(self.page, int(args.get("limit", 100)))
        page = [dict(message) for message in newest[start : start + size]]
        if str(args.get("include_all_metadata")) not in ("1", "True", "true"):
            for message in page:
                message.pop("metadata", None)
        more = start + size < len(newest)
        cursor = str(start + size) if more else ""
        return {"ok": True, "messages": page, "has_more": more, "response_metadata": {"next_cursor": cursor}}


def _problem(args: dict[str, Any]) -> dict[str, Any] | None:
    """What Slack refuses and emulators let pass."""
    if not args.get("text"):
        return {"ok": False, "error": "no_text"}
    blocks = args.get("blocks") or []
    wrong = []
    if len(blocks) > 50:
        wrong.append("no more than 50 items allowed [json-pointer:/blocks]")
    for n, block in enumerate(blocks):
        text = block.get("text", {}).get("text")
        limit = {"header": 150, "section": 3000}.get(block["type"])
        if text is not None and limit and not 0 < len(text) <= limit:
            wrong.append(f"must be 1 to {limit} characters [json-pointer:/blocks/{n}/text/text]")
        if len(block.get("fields", ())) > 10:
            wrong.append(f"no more than 10 items allowed [json-pointer:/blocks/{n}/fields]")
        wrong += [
            f"must be 1 to 2000 characters [json-pointer:/blocks/{n}/fields/{i}/text]"
            for i, row in enumerate(block.get("fields", ()))
            if not 0 < len(row["text"]) <= 2000
        ]
    return {"ok": False, "error": "invalid_blocks", "errors": wrong} if wrong else None


def _args(request: BaseHTTPRequestHandler, body: bytes) -> dict[str, Any]:
    query = request.path.partition("?")[2]
    values: dict[str, Any] = {name: each[0] for name, each in parse_qs(query).items()}
    if "json" in (request.headers.get("Content-Type") or "") and body:
        values |= json.loads(body)
    else:
        values |= {name: each[0] for name, each in parse_qs(body.decode()).items()}
    for name in ("blocks", "metadata"):
        if isinstance(values.get(name), str):
            values[name] = json.loads(values[name])
    return values


def _send(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    kind: str = "application/json; charset=utf-8",
    headers: dict[str, str] | None = None,
) -> None:
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def _hang_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True
    try:
        request.connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
