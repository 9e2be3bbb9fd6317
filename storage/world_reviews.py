"""Verdicts on the pull requests of the local forge, and the message that brings each to its author."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from storage.records import PullReview
from storage.world_messages import WorldMessages
from storage.world_rows import PULL_REVIEW, WorldError, clean, encode, plain, pull_review_of


class WorldReviews(WorldMessages):
    """Reviews beside their pull requests."""

    def add_review(self, review: PullReview, *, tell: str = "") -> PullReview:
        """Keep a verdict and tell `tell`, an agent, of it: both or neither, once for each key.

        One that was kept under the same key is returned instead. Raises `WorldError` for an empty key and for a pull
        request that does not exist.
        """
        if not review.key:
            raise WorldError("A review needs a key.", "Without one it could be sent twice.")
        with self.store.write() as conn:
            known = conn.execute(f"select {PULL_REVIEW} from pull_reviews where key = ?", (clean(review.key),))
            if (row := known.fetchone()) is not None:
                return pull_review_of(row)
            there = conn.execute(
                "select 1 from pull_requests where project_id = ? and number = ?",
                (clean(review.project_id), plain(review.number)),
            ).fetchone()
            if there is None:
                raise WorldError(f"Project {review.project_id} has no pull request #{review.number}.")
            digest = hashlib.sha256(clean(review.key).encode()).hexdigest()[:20]
            values = encode(replace(review, id=f"review-{digest}", at=self.clock.now()))
            names = ", ".join(f'"{name}"' for name in values)
            conn.execute(
                f"insert into pull_reviews ({names}) values ({', '.join('?' * len(values))})", tuple(values.values())
            )
            if tell:
                head = f"Review of pull request #{review.number} at {review.commit_sha[:12]}: {review.event}"
                self.send(
                    sender=review.author,
                    to=tell,
                    channel="agent",
                    text=f"{head}\n\n{review.body}",
                    key=f"{review.key}:author",
                    category="review",
                )
            row = conn.execute(f"select {PULL_REVIEW} from pull_reviews where key = ?", (clean(review.key),)).fetchone()
            return pull_review_of(row)

    def reviews(self, project_id: str, number: int) -> list[PullReview]:
        """Verdicts on a pull request, oldest first."""
        rows = self.store.read(
            f"select {PULL_REVIEW} from pull_reviews where project_id = ? and number = ? order by seq",
            (clean(project_id), plain(number)),
        )
        return [pull_review_of(row) for row in rows]
