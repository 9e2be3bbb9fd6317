"""Silences written into a real Alertmanager, and read back by amtool."""

from __future__ import annotations

from typing import Any

import pytest

from stas_tui.notify.base import NotifyError, NotifyLimited, NotifyUncertain
from storage.clock import HOUR
from tests.health.nasty import Nasty
from tests.health.real import Alertmanager
from tests.health.silencing import NOW, UNKNOWN_ID, fire, quiet_before, server, silences_of, wish

__all__ = ["quiet_before", "server"]


def test_what_is_written_is_what_amtool_says(server: Alertmanager) -> None:
    asked = wish()
    silencer = silences_of(server.url)
    silence_id = silencer.set(asked)
    [told] = server.amtool("silence", "query")
    assert (told["id"], told["comment"], told["createdBy"]) == (silence_id, asked.comment, asked.by)
    assert [(m["name"], m["value"], m["isRegex"], m["isEqual"]) for m in told["matchers"]] == list(asked.matchers)
    read = silencer.read("alertmanager", silence_id)
    assert read is not None
    assert read == silencer.find("alertmanager", asked.comment)
    assert (read["ends_at"], read["state"]) == (asked.ends_at, "active")
    assert silencer.find("alertmanager", asked.comment + " ") is None


def test_extending_keeps_the_id_and_everything_else(server: Alertmanager) -> None:
    silencer = silences_of(server.url)
    silence_id = silencer.set(wish())
    before = silencer.read("alertmanager", silence_id)
    assert before is not None
    later = before["ends_at"] + HOUR
    assert silencer.extend("alertmanager", silence_id, later) == silence_id
    assert silencer.read("alertmanager", silence_id) == {**before, "ends_at": later}
    assert len(server.amtool("silence", "query")) == 1


def test_what_is_over_is_not_extended(server: Alertmanager) -> None:
    silencer = silences_of(server.url)
    silence_id = silencer.set(wish())
    silencer.end("alertmanager", silence_id)
    with pytest.raises(NotifyError, match="expired"):
        silencer.extend("alertmanager", silence_id, NOW() + HOUR)
    with pytest.raises(NotifyError, match="gone"):
        silencer.extend("alertmanager", UNKNOWN_ID, NOW() + HOUR)
    assert server.amtool("silence", "query") == []


def test_ending_one_that_is_unknown_or_over_is_no_error_although_it_answers_500(server: Alertmanager) -> None:
    """Alertmanager 0.25 answers 500 for both; the server is not down for that."""
    silencer = silences_of(server.url)
    silence_id = silencer.set(wish())
    silencer.end("alertmanager", silence_id)
    silencer.end("alertmanager", silence_id)
    silencer.end("alertmanager", UNKNOWN_ID)
    silencer.end("alertmanager", "no-uuid/../..")
    assert silencer.read("alertmanager", UNKNOWN_ID) is None
    assert silencer.read("alertmanager", "no-uuid/../..") is None
    assert server.amtool("silence", "query") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"matchers": []},
        {"matchers": [("alertname", "(", True, True)]},
        {"matchers": [("tenant", ".*", True, True)]},
        {"starts_at": 2_000_000_000_000, "ends_at": 1_900_000_000_000},
    ],
    ids=["no matcher", "bad regex", "matches the empty", "end before start"],
)
def test_what_alertmanager_refuses_is_told_in_its_words(server: Alertmanager, changes: dict[str, Any]) -> None:
    """These are semantic errors: a bare JSON string."""
    with pytest.raises(NotifyError) as caught:
        silences_of(server.url).set(wish(**changes))
    assert not isinstance(caught.value, NotifyUncertain)
    assert "POST /api/v2/silences answered 4" in caught.value.what
    assert len(caught.value.what) > len("POST /api/v2/silences answered 400: .")
    assert server.amtool("silence", "query") == []


def test_errors_of_the_schema_have_another_shape_and_are_told_too(server: Alertmanager) -> None:
    with pytest.raises(NotifyError, match=r"answered 4\d\d: .*comment.* required") as caught:
        silences_of(server.url)._post("alertmanager", {"matchers": [], "startsAt": "", "endsAt": "", "createdBy": "x"})
    assert "{" not in caught.value.what


@pytest.mark.parametrize("changes", [{"comment": " "}, {"by": ""}])
def test_nobody_and_no_reason_are_not_even_sent(server: Alertmanager, changes: dict[str, Any]) -> None:
    """Alertmanager 0.25 takes both."""
    with pytest.raises(NotifyError):
        silences_of(server.url).set(wish(**changes))
    assert server.amtool("silence", "query") == []


def test_what_matchers_fit_is_judged_by_alertmanager(server: Alertmanager) -> None:
    fire(server, ("DiskFull", "critical", "acme"), ("DiskFull", "warning", "globex"), ('Odd "q\\', "info", "x"))
    silencer = silences_of(server.url)

    def tenants(*matchers: tuple[str, str, bool, bool]) -> list[str]:
        return sorted(alert.tenant for alert in silencer.hides("alertmanager", matchers))

    assert tenants(("alertname", "Disk.*", True, True)) == ["acme", "globex"]
    assert tenants(("alertname", "Disk", True, True)) == []  # anchored
    assert tenants(("alertname", "DiskFull", False, True), ("tenant", "acme", False, False)) == ["globex"]
    assert tenants(("alertname", 'Odd "q\\', False, True)) == ["x"]


def test_only_configured_ones_are_asked(server: Alertmanager) -> None:
    silencer = silences_of(server.url, name="edge")
    assert silencer.names == ("edge",)
    with pytest.raises(NotifyError, match="no Alertmanager alertmanager"):
        silencer.set(wish())


@pytest.mark.parametrize("way", ["hang", "reset", "500 text", "502 html", "says more", "html"])
def test_a_post_whose_answer_is_lost_is_uncertain_and_not_repeated(way: str) -> None:
    with Nasty(how=way) as nasty:
        with pytest.raises(NotifyUncertain):
            silences_of(nasty.url, timeout_s=0.5).set(wish())
        assert len(nasty.requests) == 1


def test_a_post_that_was_refused_is_no_uncertainty() -> None:
    with Nasty(how="429") as nasty:
        with pytest.raises(NotifyLimited) as limited:
            silences_of(nasty.url).set(wish())
        assert limited.value.retry_after_s == 28.0
    with Nasty(how="401") as nasty:
        with pytest.raises(NotifyError) as denied:
            silences_of(nasty.url).set(wish())
        assert not isinstance(denied.value, NotifyUncertain)
    with pytest.raises(NotifyError) as refused:
        silences_of(nasty.url).set(wish())
    assert not isinstance(refused.value, NotifyUncertain)


def test_a_500_for_an_end_that_cannot_be_looked_up_is_no_success() -> None:
    with Nasty(how="500 text") as nasty, pytest.raises(NotifyError):
        silences_of(nasty.url).end("alertmanager", UNKNOWN_ID)
