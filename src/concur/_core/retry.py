"""When a failed item is tried again, and after how long. Pure: the random number is an argument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from concur.errors import InvalidOption

__all__ = ["Retry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How failed items are tried again. `retry=2` is short for `Retry(attempts=3)`.

    The wait before attempt `k + 1` is `min(max_delay, backoff * 2 ** (k - 1))` seconds, of which a random share of
    up to `jitter` is taken away ("full jitter" for `jitter=1.0`; Marc Brooker, "Exponential Backoff And Jitter",
    AWS Architecture Blog, 2015). Nobody sleeps meanwhile: other items run.

    Attributes:
        attempts: How many times an item's body may be started in all, the first included; at least 1.
        on: Exception types that are worth another attempt. An `ItemTimeout` and a `WorkerCrashed` are too,
            when they are instances of one of these.
        backoff: Seconds to wait before the second attempt; doubles with each further one.
        jitter: Share of the wait that is drawn at random, from 0.0 to 1.0.
        max_delay: Upper bound of a wait, in seconds.

    Examples:
        >>> import concur
        >>> concur.Retry(attempts=4, on=(OSError,), backoff=0.1).delay(3, 0.0)
        0.4
    """

    attempts: int = 3
    on: tuple[type[BaseException], ...] = (Exception,)
    backoff: float = 0.0
    jitter: float = 0.0
    max_delay: float = 60.0

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or self.attempts < 1:
            raise InvalidOption(f"Retry(attempts={self.attempts!r}): must be an int of at least 1 (1 = no retry)")
        on = tuple(self.on) if isinstance(self.on, Iterable) else (self.on,)
        if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in on):
            raise InvalidOption(f"Retry(on={self.on!r}): must be exception types, such as on=(OSError, TimeoutError)")
        object.__setattr__(self, "on", on)
        for name in ("backoff", "max_delay"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise InvalidOption(f"Retry({name}={value!r}): must be a number of seconds, at least 0")
        if isinstance(self.jitter, bool) or not isinstance(self.jitter, int | float) or not 0 <= self.jitter <= 1:
            raise InvalidOption(f"Retry(jitter={self.jitter!r}): must be from 0.0 to 1.0")

    def allows(self, error: BaseException, attempt: int) -> bool:
        """Say whether an item that failed with `error` on its attempt number `attempt` is tried again."""
        return attempt < self.attempts and isinstance(error, self.on)

    def delay(self, attempt: int, random: float) -> float:
        """Give the seconds to wait after attempt number `attempt`, for a `random` number from 0 to 1."""
        if not self.backoff:
            return 0.0
        wait = min(self.max_delay, self.backoff * 2.0 ** min(attempt - 1, 64))
        return wait * (1.0 - self.jitter * random)
