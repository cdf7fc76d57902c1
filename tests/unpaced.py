"""Slack without its limits."""

import math

from bots.slack.pacing import Bucket, Pace


class Unpaced(Pace):
    """As fast as the other side answers, but not before it says."""

    def _bucket(self, key: tuple[str, ...], now: float) -> Bucket:
        return Bucket(math.inf, math.inf, math.inf, now)
