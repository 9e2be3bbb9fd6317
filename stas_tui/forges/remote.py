"""The remote: what it holds, a local mirror of it, and pushes that are never forced (R4, R8, R93)."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from stas_tui.forges.base import BranchMissing, ForgeError, PushRefused, Repo, RepositoryMissing
from stas_tui.forges.git import Done, Git, GitFailed, GitTimeout, remote_lines
from stas_tui.forges.locks import clear_git_locks, locked
from stas_tui.forges.names import id_slug, is_branch, is_sha, without_userinfo
from storage.clock import Clock

_MISSING = re.compile(
    r"does not appear to be a git repository|repository '.*' (not found|does not exist)|Repository not found"
    r"|not a git repository|No such file or directory",
    re.IGNORECASE,
)
_AUTH = re.compile(
    r"Authentication failed|could not read (Username|Password)|Permission denied|terminal prompts disabled"
    r"|Invalid username or (password|token)|returned error: 40[13]|Host key verification failed|access denied",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"Could not resolve host|Connection (refused|timed out|reset)|unable to access|Network is unreachable"
    r"|Operation timed out|early EOF|hung up unexpectedly",
    re.IGNORECASE,
)
_OWNER = re.compile(r"dubious ownership")
_TAG = "%(creatordate:unix) %(objecttype) %(objectname) %(*objecttype) %(*objectname) %(refname:strip=2)"
TAGS_LISTED = 200
"""At most so many tags are read."""
_SCP_LIKE = re.compile(r"[A-Za-z0-9_.@-]+:(?!//)")


def address(repo: Repo) -> str:
    """The remote as git takes it: a URL as it is, a path made absolute. Raises `RepositoryMissing` for nonsense."""
    url = repo.url.strip()
    if not url or url.startswith("-") or "::" in url.split("/", 1)[0] or any(c in url for c in "\0\n\r"):
        raise RepositoryMissing(
            f"{url!r} is no address of a repository for {repo.project_id}.", "Set a path or a URL in the configuration."
        )
    if "://" in url or (_SCP_LIKE.match(url) and not Path(url).exists()):
        return url
    return str(Path(url).expanduser().absolute())


def shown(url: str) -> str:
    """An address without credentials, for people."""
    return without_userinfo(url)


def explained(error: GitFailed, url: str) -> ForgeError:
    """A failed conversation with a remote as a sentence that names the repository."""
    name, err = shown(url), error.err
    if _OWNER.search(err):
        return ForgeError(f"git does not trust {name}: its files belong to another user.", "Change the owner.")
    if _AUTH.search(err):
        return ForgeError(
            f"{name} did not accept the credentials.",
            "They are missing or expired: sign in again (ssh key or token), then retry.",
            remote=error.remote,
        )
    if _UNREACHABLE.search(err):
        return ForgeError(f"{name} cannot be reached.", "Check the network and the address, then retry.")
    if _MISSING.search(err):
        return RepositoryMissing(f"There is no git repository at {name}.", "Check the address in the configuration.")
    return ForgeError(f"{name}: {error.what}", "Check the repository, then retry.", remote=error.remote)


class Remote:
    """Questions and pushes to one project's remote."""

    def __init__(self, git: Git, repo: Repo) -> None:
        self.git = git
        self.repo = repo
        self.url = address(repo)

    def refs(self, *branches: str) -> dict[str, str]:
        """Sha by branch name, for the given branches or all. Raises `ForgeError`, `RepositoryMissing`."""
        patterns = [f"refs/heads/{branch}" for branch in branches]
        try:
            done = self.git.run("ls-remote", "--heads", "--", self.url, *patterns, remote=True)
        except GitFailed as error:
            raise explained(error, self.url) from error
        pairs = (line.split("\t", 1) for line in done.lines if "\t" in line)
        found = {ref.removeprefix("refs/heads/"): sha for sha, ref in pairs if is_sha(sha)}
        return {name: sha for name, sha in found.items() if not branches or name in branches}

    def head(self, branch: str) -> str:
        """The sha of a branch now. Raises `BranchMissing`, `RepositoryMissing`, `ForgeError`."""
        sha = self.refs(branch).get(branch) if is_branch(branch) else None
        if sha is None:
            raise BranchMissing(branch, shown(self.url))
        return sha

    def push(self, git_dir: Path, sha: str, branch: str, *, never: tuple[str, ...]) -> str:
        """Push `sha` to `branch` without force; returns the sha read back.

        `never` are branches that are refused before the remote is asked (R8). A remote that has the sha already
        is success. Raises `PushRefused` with the remote's lines, `ForgeError` if it cannot be reached.
        """
        if not is_branch(branch) or branch in never or branch.casefold() in {name.casefold() for name in never}:
            raise PushRefused(
                f"Stas does not push to {branch}: work goes to a feature branch and enters by pull request.",
                "Push the task's own branch.",
            )
        if not is_sha(sha):
            raise PushRefused(f"{sha!r} is no commit.", "Commit first.")
        if self.refs(branch).get(branch) == sha:
            return sha
        try:
            done = self.git.run(
                "push",
                "--porcelain",
                "--no-follow-tags",
                "--recurse-submodules=no",
                self.url,
                f"{sha}:refs/heads/{branch}",
                git_dir=git_dir,
                ok=(0, 1),
                remote=True,
            )
        except GitFailed as error:
            raise _as_refusal(explained(error, self.url)) from error
        except GitTimeout as error:
            if self.refs(branch).get(branch) == sha:
                return sha
            raise ForgeError(f"The push to {shown(self.url)} took too long and did not arrive.", "Retry.") from error
        if done.code != 0:
            raise self._refused(git_dir, branch, sha, done)
        there = self.refs(branch).get(branch)
        if there != sha:
            raise PushRefused(
                f"The push to {branch} was accepted, but the remote now has {there or 'no such branch'} there.",
                "Somebody else moved the branch: fetch and look before pushing again.",
                remote=remote_lines(done.err),
            )
        return sha

    def _refused(self, git_dir: Path, branch: str, sha: str, done: Done) -> PushRefused:
        lines = remote_lines(done.err)
        rejected = re.search(r"^!\t\S*\t(.*)$", done.out.decode("utf-8", "replace"), re.MULTILINE)
        reason = rejected[1].strip() if rejected else done.err.strip().split("\n")[-1]
        if re.search(r"non-fast-forward|fetch first|stale info|needs force", reason):
            return PushRefused(self._theirs(git_dir, branch, sha), "Fetch it and bring both together.", remote=lines)
        return PushRefused(f"The remote refused the push to {branch}: {reason}.", "Read its lines.", remote=lines)

    def _theirs(self, git_dir: Path, branch: str, sha: str) -> str:
        ref = f"refs/remotes/origin/{branch}"
        try:
            self.git.run(
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--",
                self.url,
                f"+refs/heads/{branch}:{ref}",
                git_dir=git_dir,
                remote=True,
            )
        except GitFailed as error:
            raise explained(error, self.url) from error
        count = self.git.run("rev-list", "--count", ref, f"^{sha}", git_dir=git_dir).text
        last = self.git.run("log", "-1", "--format=%h %s", ref, git_dir=git_dir).text
        return (
            f"The remote's {branch} has {count} commit(s) that this workspace does not have; the last one is «{last}». "
            "Nothing was pushed."
        )


def _as_refusal(error: ForgeError) -> ForgeError:
    if isinstance(error, RepositoryMissing):
        return error
    return PushRefused(error.what, error.mend, remote=error.remote)


@dataclass(frozen=True, slots=True)
class Seen:
    """A tip of a branch, and when it was first seen there (ms)."""

    at: int
    sha: str


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of a commit; `at` is when it was made, or the commit's time for a plain one (ms)."""

    name: str
    sha: str
    at: int


class Mirror(Remote):
    """A bare copy of a remote's branches, fetched on demand; it answers the questions about content."""

    def __init__(self, git: Git, repo: Repo, folder: Path, clock: Clock) -> None:
        super().__init__(git, repo)
        digest = hashlib.sha256(self.url.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        self.dir = folder / f"{id_slug(repo.project_id)}-{digest}.git"
        self._lock = folder / f"{self.dir.name}.lock"
        self._clock = clock

    def fetch(self) -> None:
        """Bring the mirror up to the remote's branches. Raises `ForgeError`, `RepositoryMissing`."""
        with locked(self._lock):
            if not (self.dir / "HEAD").is_file():
                self.git.run("init", "--quiet", "--bare", "--template=", str(self.dir))
            clear_git_locks(self.dir)
            try:
                self.git.run(
                    "fetch", "--quiet", "--no-tags", "--prune", "--no-write-fetch-head", "--no-auto-maintenance",
                    "--", self.url, "+refs/heads/*:refs/heads/*",
                    git_dir=self.dir, remote=True,
                )  # fmt: skip
            except GitFailed as error:
                raise explained(error, self.url) from error
            self._note_base()

    def fetch_pull(self, number: int) -> None:
        """Bring the head of a pull request, which may lie in another repository. Raises as `fetch`."""
        ref = f"refs/pull/{number:d}/head"
        with locked(self._lock):
            try:
                self.git.run(
                    "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance",
                    "--", self.url, f"+{ref}:{ref}",
                    git_dir=self.dir, remote=True,
                )  # fmt: skip
            except GitFailed as error:
                raise explained(error, self.url) from error

    def tags(self) -> list[Tag]:
        """Tags of commits on the remote now, newest first, at most `TAGS_LISTED`. Raises as `fetch`."""
        with locked(self._lock):
            if not (self.dir / "HEAD").is_file():
                self.git.run("init", "--quiet", "--bare", "--template=", str(self.dir))
            try:
                self.git.run(
                    "fetch", "--quiet", "--no-tags", "--prune", "--no-write-fetch-head", "--no-auto-maintenance",
                    "--", self.url, "+refs/tags/*:refs/tags/*",
                    git_dir=self.dir, remote=True,
                )  # fmt: skip
            except GitFailed as error:
                raise explained(error, self.url) from error
            done = self.git.run(
                "for-each-ref", "--sort=-creatordate", f"--count={TAGS_LISTED}", f"--format={_TAG}", "refs/tags",
                git_dir=self.dir,
            )  # fmt: skip
        found = []
        for line in done.lines:
            at, kind, sha, inner, inner_sha, name = line.split(" ", 5)
            commit = sha if kind == "commit" else inner_sha if inner == "commit" else ""
            if at.isdecimal() and is_sha(commit):
                found.append(Tag(name, commit, int(at) * 1000))
        return found

    def tip(self, branch: str) -> str | None:
        """The mirrored head of a branch; None if there is none."""
        if not is_branch(branch):
            return None
        done = self.git.run(
            "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}^{{commit}}", git_dir=self.dir, ok=(0, 1)
        )
        return done.text or None

    def base_tip(self) -> str:
        """The mirrored head of the base branch. Raises `BranchMissing`."""
        tip = self.tip(self.repo.base)
        if tip is None:
            raise BranchMissing(self.repo.base, shown(self.url))
        return tip

    def has(self, sha: str) -> bool:
        """Whether a commit is in the mirror."""
        if not (self.dir / "HEAD").is_file():
            return False
        return self.git.run("cat-file", "-e", f"{sha}^{{commit}}", git_dir=self.dir, ok=(0, 1, 128)).code == 0

    def commit(self, ref: str) -> str:
        """The commit of a sha or of a branch as it is on the remote now. Raises `BranchMissing`, `ForgeError`.

        A full sha that is already here costs no fetch: ask `Remote.head` once, then read by sha.
        """
        if is_sha(ref):
            if not self.has(ref):
                self.fetch()
            if not self.has(ref):
                raise ForgeError(f"{shown(self.url)} has no commit {ref[:12]} on any branch.", "Read the branch again.")
            return ref
        self.fetch()
        tip = self.tip(ref)
        if tip is None:
            raise BranchMissing(ref, shown(self.url))
        return tip

    def seen(self) -> list[Seen]:
        """Tips of the base branch in the order in which fetches first saw them."""
        file = self._notes()
        if not file.is_file():
            return []
        rows = (line.split() for line in file.read_text(encoding="ascii").splitlines())
        return [Seen(int(row[0]), row[1]) for row in rows if len(row) == 2 and row[0].isdecimal() and is_sha(row[1])]

    def _notes(self) -> Path:
        return self.dir / f"stas-seen-{id_slug(self.repo.base)}"

    def _note_base(self) -> None:
        tip = self.tip(self.repo.base)
        seen = self.seen()
        if tip is not None and (not seen or seen[-1].sha != tip):
            with self._notes().open("a", encoding="ascii") as file:
                file.write(f"{self._clock.now()} {tip}\n")
