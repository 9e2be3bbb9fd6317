"""The runner is bounded and hermetic; names cross the border without loss."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.forges.base import ForgeError, Repo
from stas_tui.forges.git import Git, GitFailed, GitTimeout, quoted_alternate, remote_lines
from stas_tui.forges.names import id_slug, is_branch, printable, raw_path, without_userinfo
from stas_tui.forges.remote import Remote, address


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    program = script(tmp_path / "slow", f"sleep 300 & echo $! > {tmp_path}/child; wait")
    with pytest.raises(GitTimeout, match=r"longer than 0\.3 s"):
        Git(program=program, local=0.3).run("status")
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "State:\tZ" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_output_is_cut_and_the_program_stopped(tmp_path: Path) -> None:
    done = Git(program=script(tmp_path / "yes", "yes")).run("x", limit=1000)
    assert (len(done.out), done.cut) == (1000, True)


def test_the_environment_is_an_allow_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_EXTERNAL_DIFF", "GH_TOKEN", "GIT_ASKPASS", "LD_PRELOAD_X"):
        monkeypatch.setenv(name, "/evil")
    out = Git(program=script(tmp_path / "env", "env; pwd")).run("x").text
    assert "/evil" not in out
    assert "GIT_CONFIG_NOSYSTEM=1" in out
    assert "GIT_CONFIG_GLOBAL=/dev/null" in out
    assert out.endswith("\n/")


def test_a_missing_program_and_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ForgeError, match="no program"):
        Git(program="git-that-is-not-there").run("status")
    with pytest.raises(ForgeError, match="is gone"):
        Git().run("status", git_dir=tmp_path / "none")


def test_failures_carry_gits_words(tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match=r"git rev-parse failed: .*not a git repository"):
        Git().run("rev-parse", "HEAD")


def test_credentials_never_reach_an_error(tmp_path: Path) -> None:
    program = script(
        tmp_path / "git", "echo \"fatal: unable to access 'https://me:hunter2@host/x/': no\" >&2; exit 128"
    )
    repo = Repo(project_id="shop", url="https://me:hunter2@host/x")
    with pytest.raises(ForgeError) as caught:
        Remote(Git(program=program), repo).head("main")
    assert "hunter2" not in str(caught.value) + str(caught.value.remote) + repr(caught.value.__cause__)
    assert "https://host/x" in str(caught.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("fatal: Authentication failed for 'https://host/x'", "did not accept the credentials"),
        ("git@host: Permission denied (publickey).", "did not accept the credentials"),
        ("fatal: could not read Username for 'https://host': terminal prompts disabled", "did not accept"),
        ("ssh: Could not resolve hostname host: unknown\nfatal: Could not read from remote", "cannot be reached"),
        ("fatal: detected dubious ownership in repository at '/x'", "does not trust"),
        ("remote: Repository not found.\nfatal: repository 'https://host/x/' not found", "no git repository at"),
    ],
)
def test_sentences_for_what_remotes_say(tmp_path: Path, words: str, sentence: str) -> None:
    (tmp_path / "words").write_text(words + "\n")
    program = script(tmp_path / "git", f"cat {tmp_path}/words >&2; exit 128")
    with pytest.raises(ForgeError, match=sentence):
        Remote(Git(program=program), Repo(project_id="shop", url="https://host/x")).refs()


def test_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert address(Repo(project_id="p", url="r.git")) == str(tmp_path / "r.git")
    for url in ("https://h/x", "ssh://h/x", "git@h:x/y.git", "file:///x"):
        assert address(Repo(project_id="p", url=url)) == url


def test_remote_lines_lose_their_padding() -> None:
    err = "remote: one        \rremote: two\nTo /x\nremote:   three\nremote: \n"
    assert remote_lines(err) == ("one", "two", "  three")


def test_alternates_with_odd_names() -> None:
    assert quoted_alternate(Path('/a:b"c\\d')) == '"/a:b\\"c\\\\d"'


@given(st.binary(max_size=60))
def test_every_path_survives_the_border(path: bytes) -> None:
    text = printable(path)
    assert text.isprintable()
    assert raw_path(text) == path
    assert text.encode() is not None


@given(st.text(max_size=80))
def test_every_id_becomes_one_plain_folder_name(identifier: str) -> None:
    name = id_slug(identifier)
    assert name == Path(name).name
    assert name.isascii()
    assert name.isprintable()
    assert not name.startswith((".", "-"))
    assert 0 < len(name) <= 64


def test_ids_that_look_alike_stay_apart() -> None:
    names = {id_slug(one) for one in ("a/b", "a b", "a-b", "a_b", "a.b", "A/B", "a/b ", "")}
    assert len(names) == 8


@pytest.mark.parametrize("name", ["main", "infra/T-1-x", "release/1.2", "a@b", "x_y"])
def test_branches(name: str) -> None:
    assert is_branch(name)


@pytest.mark.parametrize(
    "name", ["", "-x", "a..b", "a b", "x.lock", "a//b", "/a", "a/", "a@{1}", "a~1", "\n", "a\n", "é", "."]
)
def test_no_branches(name: str) -> None:
    assert not is_branch(name)


def test_userinfo() -> None:
    assert without_userinfo("x https://a:b@h/p and ssh://u@h") == "x https://h/p and ssh://h"
