"""A name server that does not answer: neither a post nor a question waits for it beyond its time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stas_tui.config_model import Slack
from stas_tui.notify.base import NotifyError, NotifyUncertain
from stas_tui.notify.slack import SlackMessenger
from tests.notify import nameless
from tests.notify.slack_double import MEMBER, TOKEN, SlackDouble
from tests.notify.test_slack_messenger import DOWN, messenger


def child(how: str, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-m", "tests.notify.nameless", how],
        cwd=nameless.ROOT,
        env={**os.environ, "PYTHONPATH": str(nameless.ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def judge(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    slack, web = found["slack"], found["web"]
    for one in (slack, web):
        assert nameless.LIMIT_S * 0.9 <= one["took"] < nameless.LIMIT_S + 2, "the limit, and time for a busy machine"
        assert one["gap"] < nameless.LIMIT_S, "the event loop goes on"
    assert slack["kind"] == "NotifyError", "nothing was sent, and that is certain"
    assert "could not be reached to open the conversation: its name was not looked up in time." in slack["said"]
    assert web["word"] == "name lookup timeout"
    assert f"The name in https://{nameless.HOST} was not looked up within 1 s." in web["said"]
    assert found["threads"] <= 2, "who asks for the same name again waits for the look-up that hangs"
    return found


def test_a_real_name_server_that_never_answers_ends_with_the_time_of_the_post(tmp_path: Path) -> None:
    """A real resolver, real packets to a real port 53 in a network of its own, and no answer ever."""
    before = nameless.command(tmp_path)
    allowed = subprocess.run([*before, "true"], capture_output=True, text=True)
    if allowed.returncode != 0:
        pytest.skip(f"no network of one's own may be made here: {allowed.stderr.strip()}")
    started = time.monotonic()
    found = judge(child("silent", *before))
    assert found["queries"] > 0, "it was really asked"
    assert time.monotonic() - started < 25, "a look-up that goes on for 150 s does not keep the process"


def test_a_look_up_that_hangs_inside_the_system_ends_with_the_time_of_the_post() -> None:
    judge(child("replaced"))


def test_opening_the_conversation_and_posting_share_one_time(double: SlackDouble) -> None:
    """Two requests of almost the whole time each are not twice the time."""
    double.trouble("conversations.open", "slow", seconds=1.5)
    double.trouble("chat.postMessage", "slow", seconds=1.5)
    started = time.monotonic()
    with pytest.raises(NotifyUncertain, match="the time is over"):
        messenger(double, timeout_s=2.0).post(DOWN, key="a-1")
    assert time.monotonic() - started < 2.9


def test_headers_that_drip_end_with_the_time(double: SlackDouble) -> None:
    """One byte each tenth of a second keeps every single read alive."""
    double.trouble("chat.postMessage", "drip")
    started = time.monotonic()
    with pytest.raises(NotifyUncertain, match="the time is over"):
        messenger(double, timeout_s=0.6).post(DOWN, key="a-1")
    assert time.monotonic() - started < 3


def test_a_name_that_does_not_exist_is_proof_that_nothing_was_sent() -> None:
    slack = SlackMessenger(Slack(api="https://no-such-host.invalid/api/"), MEMBER, token=TOKEN)
    with pytest.raises(NotifyError, match=r"its name was not (found|looked up in time)") as caught:
        slack.post(DOWN, key="a-1")
    assert not isinstance(caught.value, NotifyUncertain)


MANY = """
import sys
from stas_tui.web import Web
from stas_tui.config_model import Slack
from stas_tui.notify.base import DirectMessage
from stas_tui.notify.slack import SlackMessenger

api, member, token = sys.argv[1:]
SlackMessenger(Slack(api=api), member, token=token).post(
    DirectMessage(text="down", category="incident", urgent=True, item="alert:1"), key="a-1"
)
print(Web(api).get("users.list").status)
"""


def test_a_name_with_several_addresses_is_reached_by_the_one_that_listens(double: SlackDouble, tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("".join(f"127.0.0.{last} many.example.test\n" for last in (3, 2, 1)))
    before = ["unshare", "-rm", "sh", "-ec", f'mount --bind {hosts} /etc/hosts; exec "$@"', "sh"]
    allowed = subprocess.run([*before, "true"], capture_output=True, text=True)
    if allowed.returncode != 0:
        pytest.skip(f"no hosts file of one's own may be put here: {allowed.stderr.strip()}")
    api = double.api.replace("127.0.0.1", "many.example.test")
    done = subprocess.run(
        [*before, sys.executable, "-c", MANY, api, MEMBER, TOKEN],
        cwd=nameless.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "200\n"), done.stderr
    assert double.texts() == ["down"]
