"""How fast dead workers are replaced.

The first replacement is immediate. A worker that doesn't live long makes the next one wait, twice as long each time; after a few in a
row the breaker opens: one attempt per `MAX_DELAY_S`, and clients are told that there is no worker.
"""

from __future__ import annotations

from attrs import define

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 30.0
OPEN_AFTER = 6
# a worker that has served this long is no failed start
GOOD_LIFE_S = 30.0


@define(eq=False)
class RespawnPace:
    """Counts short lives, of all workers together: what kills one mostly kills all."""

    _short_lives: int = 0

    def after_death(self, lived_s: float) -> float:
        """Note a death.

        Args:
            lived_s: How long the worker had been ready; 0 if never.

        Returns:
            Seconds to wait before it is replaced.
        """
        if lived_s >= GOOD_LIFE_S:
            self._short_lives = 0
        self._short_lives += 1
        if self._short_lives == 1:
            return 0.0
        if self.is_open:
            return MAX_DELAY_S
        return min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** (self._short_lives - 2))

    @property
    def is_open(self) -> bool:
        """Whether replacements have been failing one after the other."""
        return self._short_lives >= OPEN_AFTER
