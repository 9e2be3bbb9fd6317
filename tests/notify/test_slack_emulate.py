"""Our Slack client against a server that others wrote: `emulate` 0.11.2, asked only for what it and Slack both promise.

It is optional: `npm install --prefix .cache/emulate emulate@0.11.2`, or name such a folder in STAS_TEST_EMULATE.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from stas_tui.config_model import Slack
from stas_tui.notify.base import DirectMessage, NotifyError
from stas_tui.notify.slack import SlackMessenger

VERSION = "0.11.2"
ROOT = Path(__file__).resolve().parents[2]
TOKEN = "xoxb-test-token"
SEED = f"tokens:\n  {TOKEN}:\n    login: stas\nslack:\n  team:\n    name: ops\n"
MEMBER = "U000000001"
DOWN = DirectMessage(text="checkout <is> down & out", category="incident", urgent=True, item="alert:98be")


def program() -> Path:
    """Where it starts; skips with the reason if it is not here."""
    if shutil.which("node") is None:
        pytest.skip("there is no node here")
    named = os.environ.get("STAS_TEST_EMULATE", "")
    cache = ROOT / ".cache"
    folders = [Path(named)] if named else [cache, *(sorted(cache.iterdir()) if cache.is_dir() else ())]
    for folder in folders:
        for place in (folder / "node_modules" / "emulate", folder):
            card = place / "package.json"
            if card.is_file() and (found := json.loads(card.read_text("utf-8"))).get("name") == "emulate":
                if found["version"] != VERSION:
                    pytest.skip(f"emulate is {found['version']} here, not {VERSION}")
                return place / "dist" / "index.js"
    pytest.skip("emulate is not here: npm install --prefix .cache/emulate emulate@0.11.2")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    """A started server on loopback; ended by its process at the end."""
    start, seed, port = program(), tmp_path / "seed.yaml", tmp_path / "port"
    seed.write_text(SEED)
    node = ["node", "--require", str(ROOT / "tests" / "github" / "loopback.cjs"), str(start)]
    with (tmp_path / "emulate.log").open("wb") as log:
        child = subprocess.Popen(
            [*node, "start", "--service", "slack", "--seed", str(seed)],
            cwd=tmp_path,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PORT_FILE": str(port)},
        )
        try:
            ended = threading.Event()
            for _ in range(600):
                if port.is_file() and port.read_text().endswith("\n"):
                    break
                assert child.poll() is None, (tmp_path / "emulate.log").read_text()
                ended.wait(0.05)
            host, number = port.read_text().split()
            assert host == "127.0.0.1"
            yield f"http://127.0.0.1:{number}/api/"
        finally:
            child.kill()
            child.wait()


def test_a_message_is_posted_and_edited(api: str) -> None:
    slack = SlackMessenger(Slack(api=api), MEMBER, token=TOKEN)
    sent = slack.post(DOWN, key="a-1")
    assert sent.text == DOWN.text
    assert sent.channel.startswith("D")
    edited = slack.edit(sent, DirectMessage(text="it is up", category="incident", urgent=False), key="a-2")
    assert (edited.channel, edited.ts, edited.text) == (sent.channel, sent.ts, "it is up")
    assert slack.find("b-1") is None


def test_a_wrong_token_and_an_unknown_member_are_refused(api: str) -> None:
    with pytest.raises(NotifyError):
        SlackMessenger(Slack(api=api), MEMBER, token="xoxb-unknown-token").post(DOWN, key="a-1")
    with pytest.raises(NotifyError, match="user"):
        SlackMessenger(Slack(api=api), "U0NOBODY0", token=TOKEN).post(DOWN, key="a-1")
