"""A review as it comes out of another process: line by line, and whole at its end."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stas_tui.forges.base import PullObjects
from stas_tui.review.base import Change, ChangedFile
from stas_tui.review.catalog import specs
from stas_tui.review.runner import Review
from storage.check_records import CheckResult
from storage.checks_codec import result_of
from storage.records import Json, PullRequest, PullReview

_FILE = ("path", "status", "old_path", "binary", "link")


def begun(change: Change, pr: PullRequest, objects: PullObjects, sent: Sequence[PullReview]) -> Json:
    """What is known before any check was asked; the lines of the files stay behind."""
    return {
        "pull": dataclasses.asdict(pr),
        "sent": [dataclasses.asdict(one) for one in sent],
        "titles": {spec.id: spec.title for spec in specs()},
        "git_dir": str(objects.git_dir),
        "project": change.project_id,
        "base": change.base.commit,
        "head": change.head.commit,
        "cut": change.cut,
        "at": change.clock.now(),
        "files": [[getattr(file, name) for name in _FILE] for file in change.files],
    }


@dataclass
class Arriving:
    """A review of which more may come."""

    pull: PullRequest
    git_dir: Path
    begun: Json = field(repr=False)
    sent: tuple[PullReview, ...] = ()
    """Verdicts that others, or we, sent before."""
    titles: Mapping[str, str] = field(default_factory=dict)
    """What each check proves, by its id."""
    results: list[CheckResult] = field(default_factory=list)
    whole: bool = False
    """Whether every check was asked."""

    @classmethod
    def of(cls, line: Json) -> Arriving:
        """From the line that `begun` makes. Raises `KeyError`, `TypeError`."""
        pull = PullRequest(**{**line["pull"], "conflicts": tuple(line["pull"]["conflicts"])})
        sent = tuple(PullReview(**one) for one in line["sent"])
        return cls(pull=pull, git_dir=Path(line["git_dir"]), begun=line, sent=sent, titles=line["titles"])

    def result(self, line: Json) -> None:
        """One result more."""
        self.results.append(result_of(line))

    @property
    def review(self) -> Review:
        """What is known by now."""
        files = tuple(ChangedFile(**dict(zip(_FILE, values, strict=True))) for values in self.begun["files"])
        return Review(
            project_id=self.begun["project"],
            base=self.begun["base"],
            head=self.begun["head"],
            files=files,
            results=tuple(self.results),
            cut=self.begun["cut"],
            at=self.begun["at"],
        )
