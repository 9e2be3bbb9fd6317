"""The double is a GitHub to somebody else's client, too: what it promises is not only what our code hopes for."""

from __future__ import annotations

from collections.abc import Iterator

import github
import pytest
from github_bench import Bench
from github_double import GithubDouble
from github_shapes import DATA, SCHEMAS, answer_of, check, filled
from github_world import LOGIN, TOKEN


@pytest.fixture
def client(double: GithubDouble) -> Iterator[github.Github]:
    made = github.Github(
        base_url=double.url,
        auth=github.Auth.Token(TOKEN),
        retry=None,
        seconds_between_requests=0,
        seconds_between_writes=0,
    )
    yield made
    made.close()


def test_it_reads_what_we_opened(bench: Bench, client: github.Github) -> None:
    pr = bench.opened()
    repo = client.get_repo("acme/shop")
    (seen,) = repo.get_pulls(state="open", head=f"acme:{pr.head}")
    assert (seen.number, seen.base.ref, seen.head.sha, seen.user.login) == (1, "multi-tenant", pr.head_sha, LOGIN)
    whole = repo.get_pull(1)
    assert (whole.mergeable, whole.merged, whole.title) == (True, False, "infra: x")
    assert sorted(file.filename for file in whole.get_files()) == ["svc/api.py", "svc/new.py"]


def test_we_read_what_it_opened_and_retargeted(bench: Bench, client: github.Github) -> None:
    sha = bench.pushed()
    made = client.get_repo("acme/shop").create_pull(
        base="main", head=bench.workspace.branch, title="infra: y", body="B"
    )
    pr = bench.forge.find_pr(bench.repo, bench.workspace.branch)
    assert pr is not None
    assert (pr.number, pr.base, pr.head_sha, pr.body, pr.author) == (made.number, "main", sha, "B", LOGIN)
    made.edit(base="multi-tenant")
    fresh = bench.forge.read_pr(bench.repo, made.number)
    assert fresh is not None
    assert fresh.base == "multi-tenant"


def test_it_is_refused_as_we_are(bench: Bench, client: github.Github) -> None:
    bench.opened()
    repo = client.get_repo("acme/shop")
    for base in ("multi-tenant", "nowhere"):
        with pytest.raises(github.GithubException) as caught:
            repo.create_pull(base=base, head=bench.workspace.branch, title="t", body="")
        assert caught.value.status == 422
    with pytest.raises(github.UnknownObjectException):
        repo.get_pull(99)
    bench.double.tokens.clear()
    with pytest.raises(github.BadCredentialsException):
        client.get_repo("acme/shop")


def test_it_pages_through_checks_and_reads_deployments(bench: Bench, client: github.Github) -> None:
    head = bench.double.sha("multi-tenant")
    for n in range(150):
        bench.double.check(f"job {n}", sha=head)
    bench.double.run("ci", "success", sha=head)
    number = bench.double.deploy(head, "success")
    repo = client.get_repo("acme/shop")
    branch = repo.get_branch("multi-tenant")
    assert branch.commit.sha == head
    assert len({run.name for run in branch.commit.get_check_runs()}) == 150
    assert [run.conclusion for run in repo.get_workflow_runs(head_sha=head)] == ["success"]
    (deployment,) = repo.get_deployments()
    assert deployment.id == number
    assert [status.state for status in deployment.get_statuses()] == ["success"]


def test_it_follows_a_rename(bench: Bench, client: github.Github) -> None:
    bench.opened()
    bench.double.rename("acme/store")
    assert client.get_repo("acme/shop").full_name == "acme/store"


# the shapes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["pull-request", "check-run", "status", "deployment", "workflow-run", "full-repository"]
)
def test_the_published_shape_is_a_real_check(name: str) -> None:
    """A body of ours is valid, and each spoiled one is found."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    body = filled(name, {}, "http://127.0.0.1:1")
    assert check(schema, body) == []
    for member in SCHEMAS[name]["required"]:
        assert check(schema, {key: value for key, value in body.items() if key != member})


def test_every_answer_that_is_used_is_described() -> None:
    assert answer_of("GET", "/repos/acme/shop/pulls/7", 200) == {"$ref": "#/components/schemas/pull-request"}
    assert answer_of("POST", "/repos/acme/shop/pulls", 422) == {"$ref": "#/components/schemas/validation-error"}
    assert answer_of("GET", "/repos/acme/shop/secrets", 200) is None
    assert DATA["source"].startswith("@octokit/openapi 23.0.2")
