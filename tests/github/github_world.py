"""What the small GitHub of the tests knows, and what it answers: branches come from a bare repository."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from forge_bench import git
from github_shapes import filled
from github_world_reviews import refusal_of, review_body

TOKEN = "ghp_" + "t0kenOfTheDoubleForTests123456789012"
LOGIN = "stas-bot"


@dataclass
class Reply:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


def stamp(ms: int) -> str:
    """GitHub's time."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class GithubWorld:
    """One repository over a bare one: what GitHub would know and answer, without a wire."""

    def __init__(self, bare: Path, *, now: Callable[[], int], name: str = "acme/shop") -> None:
        self.bare, self.now, self.name = bare, now, name
        self.old_names: set[str] = set()
        self.tokens = {TOKEN: LOGIN}
        self.private = False
        self.page = 100
        """Items a page at most, whatever is asked for."""
        self.null_reads = 0
        """How often a pull request is read before its mergeability is known."""
        self.base_becomes = ""
        """A base that a new pull request gets instead of the one that was sent."""
        self.pulls: list[dict[str, Any]] = []
        self.reviews: dict[int, list[dict[str, Any]]] = {}
        """By the number of the pull request, oldest first."""
        self.check_runs: list[dict[str, Any]] = []
        self.mixes_commits = False
        """Tells the check runs of all commits, whichever was asked for."""
        self.statuses: list[dict[str, Any]] = []
        self.runs: list[dict[str, Any]] = []
        self.deployments: list[dict[str, Any]] = []
        self.deployment_statuses: dict[int, list[dict[str, Any]]] = {}
        self.protected: list[str] = []
        self.ruled: list[str] = []
        self.files: dict[int, list[str]] = {}
        self.url = ""
        self._ids = 1_000

    def number(self) -> int:
        self._ids += 1
        return self._ids

    def rename(self, name: str) -> None:
        self.old_names.add(self.name)
        self.name = name

    def sha(self, branch: str) -> str:
        return git("rev-parse", "--verify", "-q", f"refs/heads/{branch}", cwd=self.bare, ok=(0, 1, 128))

    def check(self, name: str, conclusion: str | None = "success", *, sha: str, **more: Any) -> dict[str, Any]:
        """Report a check run; a conclusion of None means that it is not finished (`status` in `more`)."""
        given = {
            "id": self.number(), "name": name, "head_sha": sha, "conclusion": conclusion,
            "status": "completed" if conclusion else "in_progress", "started_at": stamp(self.now()),
            "completed_at": stamp(self.now()) if conclusion else None,
            "html_url": f"{self.url}/{self.name}/runs/{name.replace(' ', '-')}", "check_suite": {"id": 7},
            "app": {"id": 15_368, "slug": "github-actions"},
            "output": {"annotations_url": f"{self.url}/annotations"},
        }  # fmt: skip
        self.check_runs.append(filled("check-run", given | more, self.url))
        return self.check_runs[-1]

    def status(self, context: str, state: str = "success", *, sha: str, at: int | None = None) -> None:
        given = {"id": self.number(), "context": context, "state": state, "created_at": stamp(at or self.now())}
        self.statuses.insert(0, {**filled("status", given, self.url), "sha": sha})

    def run(self, name: str, conclusion: str | None, *, sha: str, **more: Any) -> None:
        given = {
            "id": self.number(), "name": name, "head_sha": sha, "status": "completed" if conclusion else "queued",
            "conclusion": conclusion, "workflow_id": 1, "check_suite_id": 7, "run_number": 1, "run_attempt": 1,
            "run_started_at": stamp(self.now()), "html_url": f"{self.url}/{self.name}/actions/1",
        }  # fmt: skip
        self.runs.append(filled("workflow-run", given | more, self.url))

    def deploy(self, sha: str, *states: str, environment: str = "production", at: int | None = None) -> int:
        number, at = self.number(), at or self.now()
        given = {
            "id": number, "sha": sha, "ref": "multi-tenant", "task": "deploy", "environment": environment,
            "created_at": stamp(at), "description": None, "creator": {"login": "deployer"},
            "url": f"{self.url}/repos/{self.name}/deployments/{number}",
        }  # fmt: skip
        self.deployments.insert(0, filled("deployment", given, self.url))
        rows = [
            {"id": self.number(), "state": state, "created_at": stamp(at + n * 1000)} for n, state in enumerate(states)
        ]
        self.deployment_statuses[number] = [filled("deployment-status", row, self.url) for row in reversed(rows)]
        return number

    def pull(self, head: str, base: str, *, title: str = "T", body: str | None = "", **more: Any) -> dict[str, Any]:
        """Put a pull request there, as somebody else would; `fork` is `None` or an owner's name."""
        fork = more.pop("fork", "")
        number = len(self.pulls) + 1
        stored = {
            "number": number, "title": title, "body": body, "head": head, "base": base, "state": "open",
            "fork": fork, "login": more.pop("login", "somebody"), "sha": more.pop("sha", "") or self.sha(head),
            "created": self.now(), "merged": None, "merge_sha": None, "reads": 0, "mergeable": True, **more,
        }  # fmt: skip
        self.pulls.append(stored)
        return stored

    def review(self, number: int, *, login: str = "somebody", **payload: Any) -> dict[str, Any]:
        """Put a review there, as somebody else would."""
        stored = next(pull for pull in self.pulls if pull["number"] == number)
        made = review_body(
            stored, payload, login, number=self.number, at=stamp(self.now()), root=self.url, name=self.name
        )
        self.reviews.setdefault(number, []).append(made)
        return made

    # answers ---------------------------------------------------------------------------------------

    def _repository(self, *, owner: str = "", full: bool = False) -> dict[str, Any]:
        login, _, name = self.name.partition("/")
        login = owner or login
        given = {
            "id": 42 if not owner else 43, "name": name, "full_name": f"{login}/{name}", "default_branch": "main",
            "owner": {"login": login, "id": 1}, "private": self.private, "html_url": f"{self.url}/{login}/{name}",
            "url": f"{self.url}/repos/{login}/{name}",
        }  # fmt: skip
        return filled("full-repository" if full else "repository", given, self.url)

    def _pull(self, stored: dict[str, Any], *, whole: bool) -> dict[str, Any]:
        owner = self.name.partition("/")[0]
        fork = stored["fork"]
        head_owner = owner if fork == "" else fork or "unknown"
        sha = stored["sha"] if fork != "" or stored["state"] == "closed" else self.sha(stored["head"]) or stored["sha"]
        stored["sha"] = sha
        given: dict[str, Any] = {
            "id": 9_000 + stored["number"], "number": stored["number"], "title": stored["title"],
            "body": stored["body"], "state": stored["state"], "draft": False,
            "url": f"{self.url}/repos/{self.name}/pulls/{stored['number']}",
            "html_url": f"{self.url}/{self.name}/pull/{stored['number']}",
            "user": {"login": stored["login"], "id": 5},
            "created_at": stamp(stored["created"]), "updated_at": stamp(stored["created"]),
            "closed_at": stamp(stored["merged"]) if stored["merged"] else None,
            "merged_at": stamp(stored["merged"]) if stored["merged"] else None,
            "merge_commit_sha": stored["merge_sha"],
            "base": {"ref": stored["base"], "sha": self.sha(stored["base"]) or "0" * 40,
                     "label": f"{owner}:{stored['base']}", "repo": self._repository()},
            "head": {"ref": stored["head"], "sha": sha, "label": f"{head_owner}:{stored['head']}",
                     "repo": None if fork is None else self._repository(owner=fork)},
        }  # fmt: skip
        made = filled("pull-request" if whole else "pull-request-simple", given, self.url)
        if whole:
            stored["reads"] += 1
            computed = stored["reads"] > self.null_reads and stored["state"] == "open"
            made["merged"] = stored["merged"] is not None
            made["mergeable"] = self._merges(stored) if computed else None
            made["mergeable_state"] = "clean" if made["mergeable"] else "dirty" if computed else "unknown"
        return made

    def _merges(self, stored: dict[str, Any]) -> bool:
        if not stored["mergeable"] or not self.sha(stored["base"]) or stored["fork"] != "":
            return bool(stored["mergeable"])
        args = ("merge-tree", "--write-tree", stored["base"], stored["sha"])
        return len(git(*args, cwd=self.bare, ok=(0, 1)).splitlines()) == 1

    def _paged(self, rows: list[Any], query: dict[str, str], path: str, member: str = "") -> Reply:
        size = min(int(query.get("per_page", "30")), 100, self.page)
        page, last = int(query.get("page", "1")), max((len(rows) + size - 1) // size, 1)
        kept = "&".join(f"{k}={v}" for k, v in query.items() if k != "page")
        links = []
        if page < last:
            links = [
                f'<{self.url}{path}?{kept}&page={n}>; rel="{rel}"' for n, rel in ((page + 1, "next"), (last, "last"))
            ]
        some = rows[(page - 1) * size : page * size]
        body = {"total_count": len(rows), member: some} if member else some
        return Reply(200, body, {"Link": ", ".join(links)} if links else {})

    def answer(self, method: str, path: str, query: dict[str, str], payload: Any, login: str | None) -> Reply:
        """The answer, or raises it."""
        if path == "/user":
            if login is None:
                return self._error(401, "Requires authentication")
            return Reply(200, filled("public-user", {"login": login, "id": 5}, self.url))
        by_id = re.fullmatch(r"/repositories/42(/.*)?", path)
        named = re.fullmatch(r"/repos/([^/]+/[^/]+)(/.*)?", path)
        if named and named[1] in self.old_names:
            where = f"{self.url}/repositories/42{named[2] or ''}"
            return Reply(
                301 if method == "GET" else 307, {"message": "Moved Permanently", "url": where}, {"Location": where}
            )
        if not by_id and not (named and named[1].lower() == self.name.lower()):
            return self._error(404, "Not Found")
        if self.private and login is None:
            return self._error(404, "Not Found")
        rest = (by_id[1] if by_id else named[2] if named else "") or ""
        if method in ("POST", "PATCH") and login is None:
            return self._error(401, "Requires authentication")
        return self._below(method, rest, path, query, payload, login or "")

    def _below(self, method: str, rest: str, path: str, query: dict[str, str], payload: Any, login: str) -> Reply:
        if rest == "":
            return Reply(200, self._repository(full=True))
        if rest == "/pulls":
            return self._create(payload, login) if method == "POST" else self._list(query, path)
        if found := re.fullmatch(r"/pulls/(\d+)(/files|/reviews)?", rest):
            stored = next((pull for pull in self.pulls if pull["number"] == int(found[1])), None)
            if stored is None:
                return self._error(404, "Not Found")
            if found[2] == "/reviews":
                return self._reviews(stored, method, query, path, payload, login)
            if found[2]:
                return self._paged([self._file(name) for name in self._files(stored)], query, path)
            return self._retarget(stored, payload) if method == "PATCH" else Reply(200, self._pull(stored, whole=True))
        if found := re.fullmatch(r"/commits/([0-9a-f]{40})/check-runs", rest):
            rows = [row for row in self.check_runs if self.mixes_commits or row["head_sha"] == found[1]]
            return self._paged(rows, query, path, "check_runs")
        if found := re.fullmatch(r"/commits/([0-9a-f]{40})/statuses", rest):
            rows = [{k: v for k, v in row.items() if k != "sha"} for row in self.statuses if row["sha"] == found[1]]
            return self._paged(rows, query, path)
        if rest == "/actions/runs":
            rows = [row for row in self.runs if row["head_sha"] == query.get("head_sha", row["head_sha"])]
            return self._paged(rows, query, path, "workflow_runs")
        if rest == "/deployments":
            wanted = query.get("environment")
            rows = [row for row in self.deployments if not wanted or row["environment"] == wanted]
            return self._paged(rows, query, path)
        if found := re.fullmatch(r"/deployments/(\d+)/statuses", rest):
            return self._paged(self.deployment_statuses.get(int(found[1]), []), query, path)
        if found := re.fullmatch(r"/rules/branches/(.+)", rest):
            checks = [{"context": name} for name in self.ruled]
            rule = {
                "type": "required_status_checks",
                "ruleset_id": 1,
                "parameters": {"required_status_checks": checks, "strict_required_status_checks_policy": True},
            }
            return self._paged([rule] if checks else [], query, path)
        if found := re.fullmatch(r"/branches/(.+)", rest):
            return self._branch(unquote(found[1]))
        return self._error(404, "Not Found")

    def _reviews(
        self, stored: dict[str, Any], method: str, query: dict[str, str], path: str, payload: Any, login: str
    ) -> Reply:
        rows = self.reviews.get(stored["number"], [])
        if method != "POST":
            seen = [row for row in rows if row["state"] != "PENDING" or row["user"]["login"] == login]
            return self._paged(seen, query, path)
        self._pull(stored, whole=False)
        if text := refusal_of(self.bare, stored, rows, payload, login):
            docs = "https://docs.github.com/rest/pulls/reviews"
            return Reply(422, {"message": "Unprocessable Entity", "errors": [text], "documentation_url": docs})
        return Reply(200, self.review(stored["number"], login=login, **payload))

    def _branch(self, name: str) -> Reply:
        sha = self.sha(name)
        if not sha:
            return self._error(404, "Branch not found")
        date = stamp(int(git("show", "-s", "--format=%ct", sha, cwd=self.bare)) * 1000)
        person = {"name": "x", "email": "x@example.test", "date": date}
        given = {
            "name": name,
            "commit": {
                "sha": sha, "url": f"{self.url}/repos/{self.name}/commits/{sha}",
                "commit": {"committer": person, "author": person, "message": "m"},
            },
            "protected": bool(self.protected),
            "protection": {
                "enabled": bool(self.protected),
                "required_status_checks": {"enforcement_level": "everyone", "contexts": self.protected,
                                           "checks": [{"context": n, "app_id": None} for n in self.protected]},
            },
        }  # fmt: skip
        return Reply(200, filled("branch-with-protection", given, self.url))

    def _files(self, stored: dict[str, Any]) -> list[str]:
        if stored["number"] in self.files:
            return self.files[stored["number"]]
        fork = git("merge-base", stored["base"], stored["sha"], cwd=self.bare)
        return git("diff", "--name-only", fork, stored["sha"], cwd=self.bare).splitlines()

    def _file(self, name: str) -> dict[str, Any]:
        digest = hashlib.sha1(repr(name).encode()).hexdigest()
        return filled("diff-entry", {"filename": name, "sha": digest, "status": "modified"}, self.url)

    def _list(self, query: dict[str, str], path: str) -> Reply:
        state, head = query.get("state", "open"), query.get("head", "")
        rows = [pull for pull in self.pulls if state in ("all", pull["state"])]
        if ":" in head:  # without an owner the real one ignores the filter, too
            owner, _, ref = head.partition(":")
            ours = self.name.partition("/")[0]
            rows = [p for p in rows if p["head"] == ref and (ours if p["fork"] == "" else p["fork"]) == owner]
        rows = [p for p in rows if query.get("base", p["base"]) == p["base"]]
        bodies = [self._pull(pull, whole=False) for pull in reversed(rows)]
        return self._paged(bodies, query, path)

    def _create(self, payload: Any, login: str) -> Reply:
        title, head, base = (str(payload.get(name, "")) for name in ("title", "head", "base"))
        owner = self.name.partition("/")[0]
        if not self.sha(base):
            return self._invalid({"resource": "PullRequest", "field": "base", "code": "invalid"})
        if not self.sha(head):
            return self._invalid({"resource": "PullRequest", "field": "head", "code": "invalid"})
        if any(
            p["head"] == head and p["base"] == base and p["state"] == "open" and p["fork"] == "" for p in self.pulls
        ):
            text = f"A pull request already exists for {owner}:{head}."
            return self._invalid({"resource": "PullRequest", "code": "custom", "message": text})
        if not git("rev-list", f"{base}..{head}", cwd=self.bare):
            text = f"No commits between {base} and {head}"
            return self._invalid({"resource": "PullRequest", "code": "custom", "message": text})
        if len(payload.get("body") or "") > 65_536:
            text = "body is too long (maximum is 65536 characters)"
            return self._invalid({"resource": "Issue", "code": "custom", "field": "body", "message": text})
        stored = self.pull(head, self.base_becomes or base, title=title, body=payload.get("body"), login=login)
        echo = self._pull({**stored, "base": base}, whole=True)  # the answer names what was asked for, whatever it did
        return Reply(201, echo)

    def _retarget(self, stored: dict[str, Any], payload: Any) -> Reply:
        base = payload.get("base", stored["base"])
        if not self.sha(base):
            text = f"Proposed base branch '{base}' was not found"
            return self._invalid({"resource": "PullRequest", "field": "base", "code": "custom", "message": text})
        if stored["state"] != "open":
            text = "Cannot change the base branch of a closed pull request."
            return self._invalid({"resource": "PullRequest", "field": "base", "code": "custom", "message": text})
        if any(p is not stored and p["head"] == stored["head"] and p["base"] == base and p["state"] == "open"
               for p in self.pulls):  # fmt: skip
            text = f"There is already a pull request for base branch '{base}' with head branch '{stored['head']}'"
            return self._invalid({"resource": "PullRequest", "field": "base", "code": "invalid", "message": text})
        stored["base"] = base
        return Reply(200, self._pull(stored, whole=True))

    def _invalid(self, error: dict[str, str]) -> Reply:
        docs = "https://docs.github.com/rest"
        return Reply(422, {"message": "Validation Failed", "errors": [error], "documentation_url": docs})

    def _error(self, status: int, message: str) -> Reply:
        docs = "https://docs.github.com/rest"
        return Reply(status, {"message": message, "documentation_url": docs, "status": str(status)})
