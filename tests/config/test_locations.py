from __future__ import annotations

import os
import socket
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stas_tui.locations import (
    LocationError,
    Locations,
    ProfileNameWrong,
    check_profile_name,
    os_user,
    private_dir,
    write_private,
)


def test_home_moves_everything(tmp_path: Path) -> None:
    places = Locations.find(tmp_path / "home")
    profile = places.profile("demo")
    assert places.config_dir == places.data_dir == tmp_path / "home"
    assert profile.root == tmp_path / "home" / "profiles" / "demo"
    assert {
        p.relative_to(profile.root).as_posix()
        for p in (
            profile.config_file,
            profile.record_db,
            profile.platform_db,
            profile.clones,
            profile.runs,
            profile.archive,
            profile.exports,
        )
    } == {"stas.toml", "stas.db", "platform.db", "clones", "runs", "archive", "exports"}
    assert not (tmp_path / "home").exists(), "finding creates nothing"


def test_variable_is_the_same_as_the_flag_and_the_flag_wins(tmp_path: Path) -> None:
    environ = {"STAS_HOME": str(tmp_path / "a")}
    assert Locations.find(environ=environ) == Locations.find(tmp_path / "a", {})
    assert Locations.find(tmp_path / "b", environ) == Locations.find(tmp_path / "b", {})


@pytest.mark.skipif(sys.platform != "linux", reason="other platforms have folders of their own")
def test_platform_folders_are_used_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    places = Locations.find(environ={})
    assert (places.data_dir, places.config_dir) == (tmp_path / "data" / "stas", tmp_path / "config" / "stas")


@pytest.mark.parametrize("name", ["a", "demo", "acme-staging", "0", "a" * 32])
def test_good_profile_names(name: str) -> None:
    assert check_profile_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../x", "A", "-a", "a-", "a" * 33, "a b", "a\n", "ä", "a\x00", "\x1b[31m", "~"]
)
def test_bad_profile_names_are_refused_in_one_printable_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileNameWrong) as caught:
        Locations.find(tmp_path).profile(name)
    assert str(caught.value).isprintable()


@given(st.text(max_size=40))
def test_no_profile_leaves_its_folder(name: str) -> None:
    places = Locations.find(Path("/home/of/stas"), {})
    try:
        root = places.profile_dir(name)
    except ProfileNameWrong:
        return
    assert root.parent == Path("/home/of/stas/profiles")
    assert Path(os.path.normpath(root)) == root


def test_made_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    profile = Locations.find(tmp_path).profile("demo")
    profile.make()
    for folder in (profile.root, profile.clones, profile.runs, profile.archive, profile.exports):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    profile.make()
    assert not profile.exists()


def test_current_profile_in_order_of_precedence(tmp_path: Path) -> None:
    places = Locations.find(tmp_path)
    assert places.current({}) == "default"
    _set_up(places, "one")
    assert places.current({}) == "one", "the only profile there is"
    _set_up(places, "two")
    assert places.current({}) == "default"
    places.set_current("two")
    assert places.current({}) == "two"
    assert places.current({"STAS_PROFILE": "three"}) == "three"
    assert places.profiles() == ["one", "two"]


def test_a_damaged_pointer_is_refused_and_not_followed(tmp_path: Path) -> None:
    places = Locations.find(tmp_path)
    places.pointer.write_bytes(b"../../etc\xff\n")
    with pytest.raises(ProfileNameWrong):
        places.current({})


def test_sockets_can_be_bound_below_a_very_long_home(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 20) / ("deeper" * 20)
    home.mkdir(parents=True)
    places = Locations.find(home)
    profile = places.profile("a" * 32)
    path = profile.socket_path("dashboard-4194304.sock")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(str(path))
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    finally:
        path.unlink(missing_ok=True)
        path.parent.rmdir()
        path.parent.parent.rmdir()
    assert path.is_relative_to(tempfile.gettempdir())


def test_profiles_with_one_beginning_have_their_own_sockets(tmp_path: Path) -> None:
    places = Locations.find(tmp_path)
    first, second = places.profile("production-europe-1"), places.profile("production-europe-2")
    assert first.runtime_dir != second.runtime_dir


def test_a_socket_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    profile = Locations.find(Path("/tmp") / "x").profile("demo")
    with pytest.raises(LocationError, match="longer than"):
        type(profile)("demo", tmp_path, tmp_path / "run").socket_path("n" * 200)


def test_a_foreign_link_in_the_temporary_folder_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "theirs"
    target.mkdir()
    link = Path(tempfile.gettempdir()) / f"stas-test-{os.getpid()}-link"
    link.symlink_to(target)
    try:
        with pytest.raises(LocationError):
            private_dir(link)
    finally:
        link.unlink()


def test_a_file_where_a_folder_should_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "profiles").write_text("in the way")
    with pytest.raises(LocationError, match="cannot be created"):
        Locations.find(tmp_path).profile("demo").make()


def test_private_write_is_whole_private_and_never_overwrites_unasked(tmp_path: Path) -> None:
    file = tmp_path / "f"
    write_private(file, "one")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_private(file, "two", replace=False)
    assert file.read_text() == "one"
    write_private(file, "three")
    assert file.read_text() == "three"
    with pytest.raises(LocationError, match="not valid Unicode"):
        write_private(file, "\ud800")
    assert file.read_text() == "three"
    assert list(tmp_path.iterdir()) == [file], "nothing is left behind"


def test_the_user_is_the_process_user_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os_user()
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert os_user() == before != "somebody-else"


def _set_up(places: Locations, name: str) -> None:
    profile = places.profile(name)
    profile.make()
    write_private(profile.config_file, 'agent_name = "Stas"\n')
