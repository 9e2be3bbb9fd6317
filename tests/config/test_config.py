from __future__ import annotations

import os
import tomllib
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stas_tui.config import ConfigError, ConfigMissing, Settings, effective, load, load_text, person_for
from stas_tui.locations import Locations, Profile
from storage.clock import HOUR, MINUTE
from storage.records import Mode

FILE = Path("/p/stas.toml")
LEAST = 'agent_name = "Stas"\n'
PROJECT = '[[project]]\nid = "shop"\nname = "Shop"\nrepository = "/src/shop"\n'
PERSON = '[[person]]\nname = "Ada"\nos_user = "ada"\n'


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("STAS_")]:
        monkeypatch.delenv(name)


def settings(text: str = "", **overrides: object) -> Settings:
    return load_text(LEAST + text, FILE, "demo", overrides)


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_text(text, FILE, "demo")
    assert caught.value.exit_code == 3
    assert "".join(str(caught.value).split("\n")).isprintable()
    return str(caught.value)


def profile(tmp_path: Path, content: bytes) -> Profile:
    made = Locations.find(tmp_path).profile("demo")
    made.make()
    made.config_file.write_bytes(content)
    return made


def test_least_file_has_safe_defaults() -> None:
    least = settings()
    assert least.profile == "demo"
    assert least.mode is Mode.OBSERVE
    assert least.columns == ("Review",)
    assert not least.executor.configured
    assert (least.gates.ask_ttl_hours, least.gates.hold_s, least.gates.approval_minutes) == (4, 1.5, 10)
    assert not least.animation
    assert settings(PROJECT).project[0].base_branch == "multi-tenant"


def test_settings_cannot_be_changed() -> None:
    frozen = settings()
    with pytest.raises(ValidationError):
        frozen.mode = Mode.TRUSTED  # type: ignore[misc]


def test_naming_a_person_turns_observe_into_supervised() -> None:
    assert settings(PERSON).mode is Mode.SUPERVISED
    assert settings('mode = "observe"\n' + PERSON).mode is Mode.OBSERVE
    assert settings('mode = "trusted"\n' + PERSON).mode is Mode.TRUSTED
    assert settings(PERSON, mode="observe").mode is Mode.OBSERVE


@pytest.mark.parametrize("mode", ["supervised", "trusted"])
def test_nobody_to_decide_means_nothing_but_observing(mode: str) -> None:
    assert "no [[person]] is named" in refusal(f'{LEAST}mode = "{mode}"\n')


@pytest.mark.parametrize("line", ["", 'agent_name = ""', 'agent_name = "  "', 'agent_name = "{{AGENT_NAME}}"'])
def test_an_unfilled_name_refuses_to_start(line: str) -> None:
    """R1, D18."""
    said = refusal(line)
    assert "AGENT_NAME is not filled" in said
    assert "STAS_AGENT_NAME" in said
    if line:
        assert "line 1" in said


def test_file_then_environment_then_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'theme = "day"\n[gates]\nask_ttl_hours = 2\napproval_minutes = 5\n'
    assert settings(text).theme == "day"
    monkeypatch.setenv("STAS_THEME", "auto")
    monkeypatch.setenv("STAS_GATES__ASK_TTL_HOURS", "3")
    changed = settings(text)
    assert (changed.theme, changed.gates.ask_ttl_hours, changed.gates.approval_minutes) == ("auto", 3, 5)
    assert settings(text, theme="night").theme == "night"


def test_a_variable_is_named_when_it_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAS_GATES__ASK_TTL_HOURS", "soon")
    assert "STAS_GATES__ASK_TTL_HOURS in the environment: gates.ask_ttl_hours must be a number." in refusal(LEAST)
    monkeypatch.delenv("STAS_GATES__ASK_TTL_HOURS")
    monkeypatch.setenv("STAS_COLUMNS", "Review")
    assert "STAS_COLUMNS in the environment cannot be read as JSON" in refusal(LEAST)


def test_variables_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STAS_HOME", "STAS_PROFILE", "STAS_RUN_ID", "STAS_PROMPT_FILE"):
        monkeypatch.setenv(name, "/whatever")
    assert settings().profile == "demo"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('enviroment = "x"', ("line 2", "no setting enviroment", "nearest is environment")),
        ('base_branch = "x"', ("line 2", "belongs into [[project]]")),
        (PROJECT + "tenant = []", ("line 6", "no setting project[1].tenant", "nearest is tenants")),
        (PROJECT + PROJECT.replace("shop", "b") + 'base_branch = "main"', ("line 6", "project[2]", "same base_branch")),
        ('[executor]\nprompt_via = "telepathy"', ("line 3", "executor.prompt_via must be one of stdin, file or arg")),
        ("[executor.limits]\nidle_s = -4", ("line 3", "must be more than 0")),
        ('[gates]\nhold_s = "soon"', ("line 3", "must be a number")),
        ("[gates]\nhold_s = 0", ("line 3", "must be at least 0.5")),
        ("columns = []", ("line 2", "columns must not be empty")),
        ('columns = "Review"', ("line 2", "must be a list in brackets")),
        ('theme = "pink"', ("line 2", "must be one of night, day or auto")),
        ('gates = "x"', ("line 2", "gates must be a table")),
        ('[keymap]\n"gate.approve" = "enter"', ("line 2", "pressed without thinking")),
        ('[agents]\nFinn = ""', ("line 3", "agents.Finn must not be empty")),
        (PERSON + PERSON, ("more than one person with the os_user ada",)),
        (PROJECT + PROJECT, ("more than one project with the id shop",)),
        (PROJECT.replace("shop", "../x"), ("line 3", "project[1].id is not written as it must be")),
        (PROJECT + 'base_branch = "a..b"', ("line 6", "no name git accepts")),
        ('[[project]]\nid = "a"\nname = "A"', ("line 2", "neither repository nor remote")),
        ('[executor]\npreset = "p"\nargv = ["a"]', ("line 2", "both preset and argv")),
        ('quiet_hours = "late"', ("line 2", "22:00-07:00")),
        ('"\\u001b[31m" = 1', ("line 2", "no setting \\x1b[31m")),
        ("[[project.health]]\nx = 1", ("line 2", "must be written as [[project]]")),
        ('[project]\nid = "a"', ("line 2", "must be written as [[project]]")),
        ('"a\\"b" = 1', ("line 2", 'no setting a"b')),
        ('columns = [\n  "theme = 1",\n]\ntehme = "x" # [gates]', ("line 5", "nearest is theme")),
        (
            PROJECT
            + '[[project.health]]\nname = "api"\nurl = "ftp://x"\n[[project.health]]\nname = "b"\nurl = "gopher:"',
            ("line 8", "project[1].health[1].url", "line 11", "project[1].health[2].url"),
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, words: tuple[str, ...]) -> None:
    said = refusal(LEAST + text)
    for word in words:
        assert word in said


def test_every_problem_is_told_at_once() -> None:
    assert len(refusal('theme = "x"\nmouse = 3\nfoo = 1\nagent_name = "a"').splitlines()) == 3


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("agent_name = ", "line 1"),
        ('agent_name = "a"\nb c', "line 2, column 3"),
        ('a = 1\nb = """\nnever closed\n', "line 3, at the end"),
        ('a = 1\na = 2\nb = "x"', "line 2"),
    ],
)
def test_broken_toml_names_file_and_place(text: str, where: str) -> None:
    said = refusal(text)
    assert f"/p/stas.toml, {where}" in said
    assert "this is not TOML" in said


@pytest.mark.parametrize(
    "text",
    [
        '[slack]\ntoken = 12345678901\nfoo = "xoxb-hush-hush"',
        '[slack]\ntoken = ["xoxb-hush-hush"]',
        PROJECT + 'remote = "https://u:xoxb-hush-hush@host/x"',
        PROJECT + '[[project.health]]\nname = "a"\nurl = "https://u:xoxb-hush-hush@host/x"',
        '[executor]\nenv_allow = ["TOKEN=xoxb-hush-hush"]',
        'slack = "xoxb-hush-hush"',
        '[slack]\ntoken = "xoxb-hush-hush',
    ],
)
def test_no_value_is_ever_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(LEAST + text, FILE, "demo")
    told = "".join(traceback.format_exception(caught.value))
    assert "hush" not in told
    assert "1234567" not in told


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    secret = settings('[slack]\ntoken = "xoxb-hush"')
    assert secret.slack.token is not None
    assert secret.slack.token.get_secret_value() == "xoxb-hush"
    for shown in (str(secret), repr(secret), effective(secret)):
        assert "hush" not in shown
        assert "*" in shown


def test_files_that_cannot_be_read_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(ConfigMissing, match="stas init"):
        load(Locations.find(tmp_path).profile("none"))
    with pytest.raises(ConfigError, match="line 2: the text is not UTF-8"):
        load(profile(tmp_path, b'agent_name = "a"\n# \xff'))
    here = profile(tmp_path, b"\xef\xbb\xbf" + LEAST.encode())
    assert load(here).agent_name == "Stas", "a byte order mark is no error"
    here.config_file.unlink()
    here.config_file.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        load(here)


def test_a_file_copied_from_another_profile_is_noticed() -> None:
    assert "calls itself profile other" in refusal('profile = "other"\n' + LEAST)


def test_deeply_nested_text_is_a_sentence() -> None:
    assert "nested too deeply" in refusal("a = " + "[" * 5_000)


def test_the_decider_is_the_operating_system_user() -> None:
    people = settings(PERSON + PERSON.replace("Ada", "Bo").replace("ada", "bo"))
    bo = person_for(people, "bo")
    assert bo is not None
    assert bo.name == "Bo"
    assert person_for(people, "BO") is None
    assert person_for(people, "") is None


def test_names_have_ids_only_if_configured() -> None:
    """D14."""
    known = settings('[agents]\nFinn = "agt_1"\n')
    assert known.agent_id("finn") == "agt_1"
    assert known.agent_id("Sky") is None


@pytest.mark.parametrize(
    ("hours", "minute", "quiet"),
    [
        ("", 0, False),
        ("22:00-07:00", 22 * 60, True),
        ("22:00-07:00", 6 * 60 + 59, True),
        ("22:00-07:00", 7 * 60, False),
        ("01:30-02:00", 90, True),
        ("01:30-02:00", 89, False),
        ("01:30-02:00", 120, False),
    ],
)
def test_quiet_hours(hours: str, minute: int, quiet: bool) -> None:
    day = 24 * HOUR * 20_000
    assert settings(f'quiet_hours = "{hours}"').is_quiet(day + minute * MINUTE) is quiet


@given(st.text(alphabet=st.sampled_from("ab=\"[]\n.{}\\#\x1b 1-_'é"), max_size=60) | st.text(max_size=60))
def test_no_text_ends_in_anything_but_settings_or_a_printable_refusal(text: str) -> None:
    try:
        load_text(text, FILE, "demo")
    except ConfigError as error:
        assert "".join(str(error).split("\n")).isprintable()


def test_the_documentation_is_what_the_settings_say() -> None:
    from stas_tui.config_docs import page

    written = Path(__file__).parents[2] / "docs" / "configuration.md"
    assert written.read_text("utf-8") == page(), "run `make docs`"


def test_every_field_is_documented_in_one_sentence() -> None:
    from stas_tui.config_docs import described
    from stas_tui.config_explain import submodel

    models = [Settings]
    while models:
        model = models.pop()
        sentences = described(model)
        for name, field in model.model_fields.items():
            assert sentences.get(name), name
            assert sentences[name].rstrip().endswith((".", ").")), name
            below, _ = submodel(field.annotation)
            if below is not None:
                models.append(below)  # type: ignore[arg-type]


def test_example_of_every_table_is_read() -> None:
    text = Path(__file__).with_name("everything.toml").read_text("utf-8")
    whole = load_text(text, FILE, "demo")
    assert tomllib.loads(text).keys() >= Settings.model_fields.keys() - {"profile"}
    assert whole.project[0].health[1].tenant == "globex"
    assert whole.executor.limits.idle_s == 60
    assert whole.keys["list.filter"] == ("f", "/")
