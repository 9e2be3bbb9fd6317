"""What an executor did in its workspace, and what of it would be committed (R92; tables of agents' results).

Everything goes through `ours.git`, with a private index: the executor's index, hooks and configuration take no part.
Of its files, `.gitignore` and the built-in conversions of `.gitattributes` (line ends) count, as they would for any
git; filters named there do nothing, because our configuration defines none.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stas_tui.forges import diff
from stas_tui.forges.base import ForgeError, Staged, WorkspaceUnsafe
from stas_tui.forges.clone import ClonedRefs, import_commits, read_index, read_refs
from stas_tui.forges.git import Git, GitFailed
from stas_tui.forges.locks import clear_git_locks
from stas_tui.forges.merged import is_ancestor
from stas_tui.forges.names import printable
from storage.records import Changes, FileChange, Workspace

_GITLINK = "160000"
_SYMLINK = "120000"
_COMMITS_LISTED = 500
_COMMITS_SCANNED = 200


@dataclass(frozen=True, slots=True)
class Site:
    """The places of one task's workspace."""

    folder: Path

    @property
    def tree(self) -> Path:
        """The executor's clone."""
        return self.folder / "tree"

    @property
    def ours(self) -> Path:
        """Our bare git directory."""
        return self.folder / "ours.git"

    @property
    def index(self) -> Path:
        """Our private index."""
        return self.ours / "stas-index"

    @property
    def card(self) -> Path:
        """What the workspace is, for the case that its record was lost."""
        return self.folder / "workspace.json"


@dataclass(frozen=True, slots=True)
class Heads:
    """Where the feature branch stands, in our git directory and in the clone."""

    ours: str
    theirs: str | None
    """The clone's feature branch, imported; None if it cannot be read."""
    at: str | None
    """The clone's HEAD, imported; None if it cannot be read."""
    sane: bool
    """HEAD is on the feature branch and the recorded base is in its history."""
    parent: str
    """What a commit would build on: the newer of ours and theirs if the history is sane, else ours."""
    problems: tuple[str, ...]
    refs: ClonedRefs


@dataclass(frozen=True, slots=True)
class Scan:
    """The staged tree and what could not be staged."""

    tree: str
    problems: tuple[str, ...]


class Inspector:
    """Reads workspaces. The caller holds the workspace's lock."""

    def __init__(self, git: Git) -> None:
        self.git = git

    def heads(self, site: Site, workspace: Workspace) -> Heads:
        """Both sides' heads, after copying the executor's commits over. Raises `WorkspaceUnsafe` if ours is gone."""
        if not (site.ours / "HEAD").is_file() or not stat.S_ISDIR(_mode(site.tree)):
            raise WorkspaceUnsafe(
                f"The workspace of {workspace.task_id} at {site.folder} is damaged or gone.", "Provision it again."
            )
        clear_git_locks(site.ours)
        ours = self.git.run(
            "rev-parse", "--verify", f"refs/heads/{workspace.branch}^{{commit}}", git_dir=site.ours
        ).text
        refs = read_refs(site.tree)
        problems = list(refs.problems)
        theirs, at = refs.branches.get(workspace.branch), refs.head
        wanted = [sha for sha in (theirs, at) if sha]
        try:
            import_commits(self.git, site.ours, site.tree, wanted, [workspace.base_sha, ours])
        except ForgeError as error:
            problems.append(error.what)
            theirs = at = None
        else:
            if not refs.problems:
                problems += self._branch_problems(site, workspace, refs, theirs)
        sane = not problems and theirs is not None
        parent = theirs if sane and theirs and is_ancestor(self.git, site.ours, ours, theirs) else ours
        return Heads(ours, theirs, at, sane, parent, tuple(problems), refs)

    def _branch_problems(self, site: Site, workspace: Workspace, refs: ClonedRefs, theirs: str | None) -> Iterator[str]:
        if refs.on != workspace.branch:
            where = f"on the branch {printable(refs.on.encode('utf-8', 'surrogateescape'))}" if refs.on else "detached"
            yield f"HEAD of the clone is {where}, not on {workspace.branch}."
        if theirs is None:
            yield f"The clone has no branch {workspace.branch} any more."
        elif not is_ancestor(self.git, site.ours, workspace.base_sha, theirs):
            base = workspace.base_sha[:12]
            yield f"History was rewritten: {workspace.branch} does not contain its base {base} any more."

    # the work tree --------------------------------------------------------------------------------

    def scan(self, site: Site, heads: Heads) -> Scan:
        """Write the work tree, less `/.stas/`, as a tree of our git directory: `git add -A` in our own index."""
        start = heads.theirs if heads.sane and heads.theirs else heads.parent
        try:
            self.git.run("read-tree", "--reset", "-i", start, git_dir=site.ours, index=site.index)
        except GitFailed:
            site.index.unlink(missing_ok=True)
            self.git.run("read-tree", start, git_dir=site.ours, index=site.index)
        tracked = self._tracked(site)
        others = self._others(site)
        sorter = _Sorter(site.tree)
        for path in others:
            if path.endswith(b"/"):
                sorter.nested.add(path.rstrip(b"/"))
        untracked = [path for path in others if not path.endswith(b"/")]
        forced = self._forced(site, tracked, set(untracked))
        for path in (*(p for p, mode in tracked.items() if mode != _GITLINK), *untracked, *forced):
            sorter.sort(path, known=path in tracked)
        if sorter.gone:
            gone = b"".join(b"0 " + b"0" * 40 + b"\t" + path + b"\0" for path in sorter.gone)
            self.git.run("update-index", "-z", "--index-info", git_dir=site.ours, index=site.index, stdin=gone)
        if sorter.present:
            self.git.run(
                "update-index", "-z", "--add", "--remove", "--replace", "--stdin",
                git_dir=site.ours, work_tree=site.tree, index=site.index,
                stdin=b"".join(path + b"\0" for path in sorter.present),
            )  # fmt: skip
        tree = self.git.run("write-tree", git_dir=site.ours, index=site.index).text
        return Scan(tree, tuple(sorter.problems()))

    def _tracked(self, site: Site) -> dict[bytes, str]:
        done = self.git.run("ls-files", "-s", "-z", git_dir=site.ours, index=site.index)
        rows = (item.split(b"\t", 1) for item in done.items)
        return {path: head.split(b" ", 1)[0].decode() for head, path in rows}

    def _others(self, site: Site) -> list[bytes]:
        """Untracked files that no ignore rule matches; a nested repository is one entry that ends in a slash."""
        done = self.git.run(
            "ls-files", "-z", "--others", "--exclude=/.stas", "--exclude-standard",
            git_dir=site.ours, work_tree=site.tree, index=site.index,
        )  # fmt: skip
        return done.items

    def _forced(self, site: Site, tracked: Iterable[bytes], others: set[bytes]) -> list[bytes]:
        """Files that only the executor's own index holds: ignored ones that it added by force."""
        content = read_index(site.tree)
        if content is None:
            return []
        with tempfile.NamedTemporaryFile(dir=site.ours, prefix="their-index-") as copy:
            copy.write(content)
            copy.flush()
            done = self.git.run("ls-files", "-z", git_dir=site.ours, index=Path(copy.name), ok=(0, 128))
        known = set(tracked) | others
        return [path for path in done.items if path not in known] if done.code == 0 else []

    # differences ----------------------------------------------------------------------------------

    def files(self, site: Site, base: str, tree: str) -> tuple[tuple[FileChange, ...], tuple[str, ...]]:
        """The changed files between the base and a staged tree, and what is wrong with some of them."""
        rows = diff.entries(self.git, site.ours, base, tree)
        size = diff.sizes(self.git, site.ours, [row.sha for row in rows if row.status != "D" and row.mode != _GITLINK])
        ignored = self._ignored(site, [row.path for row in rows if row.status != "D"])
        problems: list[str] = []
        changed: list[FileChange] = []
        for row in rows:
            name = printable(row.path)
            if row.mode == _GITLINK:
                problems.append(f"{name} is a submodule; Stas does not follow submodules.")
            elif row.mode == _SYMLINK and (target := self._escape(site, row)) is not None:
                problems.append(f"{name} is a link that leaves the workspace ({target}).")
            changed.append(
                FileChange(
                    path=name,
                    status=row.status,
                    insertions=row.insertions,
                    deletions=row.deletions,
                    size=0 if row.status == "D" else size.get(row.sha, 0),
                    ignored=row.path in ignored,
                )
            )
        return tuple(changed), tuple(problems)

    def _ignored(self, site: Site, paths: list[bytes]) -> frozenset[bytes]:
        if not paths:
            return frozenset()
        done = self.git.run(
            "check-ignore", "--no-index", "-z", "--stdin",
            git_dir=site.ours, work_tree=site.tree, index=site.index, ok=(0, 1),
            stdin=b"".join(b"./" + path + b"\0" for path in paths),  # no path that starts with `./` is a pattern
            env={"GIT_LITERAL_PATHSPECS": "0"},  # which this one command refuses
        )  # fmt: skip
        return frozenset(path.removeprefix(b"./") for path in done.items)

    def _escape(self, site: Site, row: diff.Entry) -> str | None:
        """Where a link of the tree leads, if that is outside the workspace."""
        target = self.git.run("cat-file", "blob", row.sha, git_dir=site.ours, limit=8192).out
        parts = [*PurePosixPath(os.fsdecode(row.path)).parent.parts]
        if target.startswith(b"/"):
            return printable(target)
        for part in target.split(b"/"):
            if part == b"..":
                if not parts:
                    return printable(target)
                parts.pop()
            elif part not in (b"", b"."):
                parts.append(os.fsdecode(part))
        return None

    def changes(self, site: Site, workspace: Workspace) -> Changes:
        """Everything that differs from the recorded base: committed, uncommitted and untracked."""
        heads = self.heads(site, workspace)
        scan = self.scan(site, heads)
        files, odd = self.files(site, workspace.base_sha, scan.tree)
        text, cut = diff.patch(self.git, site.ours, workspace.base_sha, scan.tree)
        tip = heads.parent if heads.sane else heads.theirs or heads.ours
        return Changes(
            base_sha=workspace.base_sha,
            head_sha=tip,
            files=files,
            commits=self._commits(site, workspace.base_sha, tip),
            uncommitted=len(diff.names(self.git, site.ours, tip, scan.tree)),
            patch=text,
            patch_cut=cut,
            history_rewritten=not heads.sane,
            problems=(*heads.problems, *scan.problems, *odd),
        )

    def _commits(self, site: Site, base: str, tip: str) -> tuple[str, ...]:
        done = self.git.run(
            "log", "-z", "--format=%H %s", f"--max-count={_COMMITS_LISTED}", tip, f"^{base}", git_dir=site.ours
        )
        return tuple(item.decode("utf-8", "replace").strip("\n") for item in reversed(done.items))

    def stage(self, site: Site, workspace: Workspace) -> Staged:
        """The tree that a commit would hold, with the text that it and the executor's own commits add."""
        heads = self.heads(site, workspace)
        scan = self.scan(site, heads)
        files, _ = self.files(site, workspace.base_sha, scan.tree)
        lines, cut = diff.added(self.git, site.ours, workspace.base_sha, scan.tree, diff.ADDED_LIMIT)
        text = "\n".join(lines)
        if not cut:
            text, cut = self._with_history(site, workspace.base_sha, heads.parent, lines)
        return Staged(tree=scan.tree, parent=heads.parent, files=files, added_text=text, cut=cut)

    def _with_history(self, site: Site, base: str, parent: str, lines: list[str]) -> tuple[str, bool]:
        """Add what the commits below add and say: a secret that a later commit removes is pushed all the same."""
        shas = self.git.run(
            "rev-list", f"--max-count={_COMMITS_SCANNED + 1}", parent, f"^{base}", git_dir=site.ours
        ).lines
        left = diff.ADDED_LIMIT - sum(len(line) + 1 for line in lines)
        known = dict.fromkeys(lines)
        for sha in shas[:_COMMITS_SCANNED]:
            more, cut = diff.added(self.git, site.ours, None, sha, max(left, 0))
            message = self.git.run("log", "-1", "--format=%an %ae%n%B", sha, git_dir=site.ours, limit=max(left, 1))
            more += [f"commit {sha[:12]}:{n}: {line}" for n, line in enumerate(message.lines)]
            fresh = [line for line in more if line not in known]
            known |= dict.fromkeys(fresh)
            left -= sum(len(line) + 1 for line in fresh)
            if cut or message.cut or left < 0:
                return "\n".join(known), True
        return "\n".join(known), len(shas) > _COMMITS_SCANNED


class _Sorter:
    """Tells apart what is there to be added, what is gone, and what is neither."""

    def __init__(self, tree: Path) -> None:
        self._tree = os.fsencode(tree)
        self._folders: dict[bytes, bool] = {}
        self.present: list[bytes] = []
        self.gone: list[bytes] = []
        self.nested: set[bytes] = set()
        self._special: list[bytes] = []
        self._unreadable: list[bytes] = []

    def sort(self, path: bytes, *, known: bool) -> None:
        """Look at one path, without following a link on the way. `known`: the index holds it."""
        parts = path.split(b"/")
        if parts[0] == b".stas" or any(part.lower() in (b"", b".", b"..", b".git") for part in parts):
            return
        full = self._tree + b"/" + path
        try:
            mode = _mode(full) if self._real(parts[:-1]) else 0
        except PermissionError:
            self._unreadable.append(path)
            return
        if stat.S_ISLNK(mode):
            self.present.append(path)
        elif stat.S_ISREG(mode):
            (self.present if os.access(full, os.R_OK) else self._unreadable).append(path)
        else:
            if mode and not stat.S_ISDIR(mode):
                self._special.append(path)
            if known:
                self.gone.append(path)

    def _real(self, parts: list[bytes]) -> bool:
        """Whether a folder and all above it are folders of the work tree, not links; notes nested repositories."""
        folder, real = b"", True
        for part in parts:
            folder = folder + b"/" + part if folder else part
            known = self._folders.get(folder)
            if known is None:
                known = self._folders[folder] = real and stat.S_ISDIR(_mode(self._tree + b"/" + folder))
                if known and _mode(self._tree + b"/" + folder + b"/.git"):
                    self.nested.add(folder)
            real = known
            if not real:
                return False
        return real

    def problems(self) -> Iterator[str]:
        """What was left out, in sentences."""
        for path in sorted(self.nested):
            yield f"{printable(path)} holds a git repository of its own; Stas does not follow nested repositories."
        for path in self._special:
            yield f"{printable(path)} is a pipe, socket or device; it is left out."
        for path in self._unreadable:
            yield f"{printable(path)} cannot be read; its content is left out."


def _mode(path: bytes | Path) -> int:
    """The type and permission bits of a path that is not followed; 0 if there is nothing."""
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return 0
        raise
