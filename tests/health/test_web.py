"""One bounded question over HTTP, against a server that does not play by the rules."""

from __future__ import annotations

import socket
import threading

import pytest

from stas_tui.web import LONGEST_WAIT_S, Reply, Web, WebError
from storage.redact import forget_secrets, register_secret
from tests.health.nasty import WORDS, Nasty, limit_s

LIMIT_S = 30.0


def ask(server: Nasty, path: str = "/thing") -> Reply:
    web = Web(server.url, timeout_s=limit_s(server.how))
    try:
        reply = web.get(path)
        reply.json()
        return reply
    finally:
        web.close()


def failure(server: Nasty, path: str = "/thing") -> WebError:
    with pytest.raises(WebError) as caught:
        ask(server, path)
    return caught.value


@pytest.mark.parametrize("way", WORDS)
def test_each_bad_answer_has_its_word_and_ends(way: str) -> None:
    """A drip would go on for 20 s and more: that this test ends at all is the limit for the whole question."""
    with Nasty(how=way) as server:
        error = failure(server)
        assert error.word == WORDS[way]
        assert error.sent
        assert len(server.requests) == 1


def test_a_redirect_is_not_followed() -> None:
    with Nasty(how="redirect", only="/thing", pages={"/elsewhere": []}) as server:
        assert failure(server).word == "redirected"
        assert [request.path for request in server.requests] == ["/thing"]


def test_an_error_status_is_an_answer_with_its_text() -> None:
    with Nasty(how="500 text") as server:
        web = Web(server.url)
        reply = web.get("/thing")
        web.close()
    assert reply.status == 500
    assert "nil pointer" in reply.text


def test_not_modified_is_an_answer_and_no_redirect() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.recv(65_536)
            sock.sendall(b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    web = Web(f"http://127.0.0.1:{listener.getsockname()[1]}")
    assert web.get("/thing", headers={"if-none-match": "x"}).status == 304
    web.close()
    thread.join(10)
    listener.close()


def test_after_an_abandoned_answer_the_next_one_is_its_own() -> None:
    """What is left of a body that was longer than it said is never taken for the next answer."""
    with Nasty(how="says less", only="/bad", pages={"/good": {"fine": True}}) as server:
        web = Web(server.url, timeout_s=LIMIT_S)
        for _ in range(3):
            with pytest.raises(WebError):
                web.get("/bad").json()
            assert web.get("/good").json() == {"fine": True}
        web.close()


def test_a_kept_connection_is_used_again() -> None:
    with Nasty(pages={"/good": [1]}) as server:
        web = Web(server.url)
        assert [web.get("/good").json() for _ in range(3)] == [[1]] * 3
        web.close()
        assert len(server._threads) == 2  # the listener and one connection


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    web = Web(f"http://127.0.0.1:{port}", timeout_s=LIMIT_S)
    with pytest.raises(WebError) as caught:
        web.get("/")
    web.close()
    assert caught.value.word == "refused"
    assert not caught.value.sent


@pytest.mark.parametrize("base", ["http://127.0.0.1:99999", "http://[::1", "http://x:y", "ftp://127.0.0.1"])
def test_what_is_no_address_says_so(base: str) -> None:
    web = Web(base, timeout_s=LIMIT_S)
    with pytest.raises(WebError) as caught:
        web.get("/")
    web.close()
    assert caught.value.word == "not an address"
    assert not caught.value.sent


def test_a_server_that_speaks_no_tls_is_a_tls_failure_and_got_no_request() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            sock.recv(65_536)

    thread = threading.Thread(target=serve)
    thread.start()
    web = Web(f"https://127.0.0.1:{listener.getsockname()[1]}")
    with pytest.raises(WebError) as caught:
        web.get("/")
    web.close()
    thread.join(10)
    listener.close()
    assert (caught.value.word, caught.value.sent) == ("TLS failure", False)


@pytest.mark.parametrize(
    "path",
    ["http://127.0.0.1:1/next", "https://127.0.0.1/next", "http://127.0.0.1@example.test/", "http://[bad/"],
)
def test_the_token_goes_to_no_other_host(path: str) -> None:
    with Nasty(pages={"/": []}) as server:
        web = Web(server.url, token="t-0123456789")
        with pytest.raises(WebError) as caught:
            web.get(path)
        web.close()
        assert (caught.value.word, caught.value.sent) == ("another host", False)
        assert server.requests == []


def test_a_path_stays_a_path() -> None:
    with Nasty(pages={"/@example.test/x": [1], "/next": [2]}) as server:
        web = Web(server.url, token="t-0123456789")
        assert web.get("@example.test/x").json() == [1]
        assert web.get(f"{server.url}/next").json() == [2]
        web.close()
        assert server.requests[0].headers["authorization"] == "Bearer t-0123456789"


def test_text_of_an_answer_is_redacted() -> None:
    register_secret("hunter2hunter2")
    try:
        reply = Reply(status=500, headers={}, body=b"password hunter2hunter2 is wrong", ms=1)
        assert "hunter2" not in reply.text
    finally:
        forget_secrets()


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("28", 28.0), ("", None), ("soon", None), ("-3", None), ("9" * 400, LONGEST_WAIT_S), ("٣", None)],
)
def test_retry_after_is_a_bounded_number(said: str, seconds: float | None) -> None:
    assert Reply(status=429, headers={"retry-after": said}, body=b"", ms=1).retry_after_s == seconds


def test_threads_wait_for_each_other() -> None:
    with Nasty(pages={"/good": [1]}) as server:
        web = Web(server.url)
        seen: list[object] = []
        threads = [threading.Thread(target=lambda: seen.append(web.get("/good").json())) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        web.close()
    assert seen == [[1]] * 8


def test_a_get_on_a_kept_connection_that_was_closed_goes_out_again_and_nothing_else_does() -> None:
    with Nasty(pages={"/good": [1]}) as server:
        web = Web(server.url, timeout_s=LIMIT_S)
        web.get("/good")
        server.how = "closes"
        with pytest.raises(WebError):
            web.get("/good")
        assert len(server.requests) == 1 + 2
        server.how = ""
        web.get("/good")
        server.how = "closes"
        with pytest.raises(WebError) as caught:
            web.send("POST", "/good", payload={})
        web.close()
        assert caught.value.sent
        assert len(server.requests) == 4 + 1
