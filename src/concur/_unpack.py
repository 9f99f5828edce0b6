"""`unpack(fn)`: a function of several arguments as one of a tuple."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVarTuple, Unpack

    Ts = TypeVarTuple("Ts")

R = TypeVar("R")

__all__ = ["unpack"]


def unpack(fn: Callable[[Unpack[Ts]], R]) -> Callable[[tuple[*Ts]], R]:
    """Make a function that takes its arguments as one tuple, for items that are tuples.

    It pickles if `fn` does, and is a coroutine function for every mode if `fn` is one.

    Args:
        fn: Takes as many positional arguments as the tuples have elements.

    Returns:
        A callable of one tuple.

    Raises:
        InvalidCall: `fn` is not callable.

    Examples:
        >>> import concur
        >>> concur.run_parallel(concur.unpack(pow), [(2, 3), (3, 2)], mode="thread")
        [8, 9]
    """
    if not callable(fn):
        from concur.errors import InvalidCall

        raise InvalidCall(f"unpack needs a callable, not {fn!r}")
    return _Unpacked(fn)


class _Unpacked:
    __slots__ = ("__concur_wrapped__",)

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.__concur_wrapped__ = fn

    def __call__(self, arguments: tuple[Any, ...]) -> Any:
        return self.__concur_wrapped__(*arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_Unpacked, (self.__concur_wrapped__,))

    def __repr__(self) -> str:
        return f"concur.unpack({self.__concur_wrapped__!r})"
