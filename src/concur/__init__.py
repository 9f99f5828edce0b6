"""One typed call, `run_parallel(fn, items, mode=...)`, over threads, processes and event loops.

The tree, from the top down; each file's first sentence says its job:
    _run, _stream, _pool   the verbs, streams and pools
    _call, _options        one call before it runs; every option, default and check
    _workers, _machine     how many workers there may be, and why
    _drive/                loops that carry out the schedule's steps, and what runs in a worker
    backends/              the contract of a backend, and one file per mode
    observe/               what can be seen of a run
    _core/                 the schedule: every decision, pure
    errors                 what the library raises
    testing/, cli/         the conformance kit; the command line (neither is imported here)
"""

TYPE_CHECKING = False  # not typing's: that import alone would cost more than this module
if TYPE_CHECKING:
    from concur._core.outcome import Cancelled, Crashed, Failed, Ok, Outcome, TimedOut
    from concur._core.retry import Retry
    from concur._drive.state import WorkerLocal
    from concur._options import Options, using
    from concur._pool import Pool, pool
    from concur._run import aiter_parallel, arun_parallel, iter_parallel, run_parallel
    from concur._stream import AsyncResults, Results
    from concur._unpack import unpack
    from concur._workers import WorkerLimit, WorkersExplained, available_workers
    from concur.backends._registry import register
    from concur.errors import (
        Closed,
        ConcurError,
        DeadlineExceeded,
        InvalidCall,
        InvalidOption,
        ItemCancelled,
        ItemTimeout,
        MainGuardMissing,
        MissingExtra,
        NotTransferable,
        RemoteError,
        SetupFailed,
        Unsupported,
        WorkerCrashed,
        WorkerStartFailed,
    )
    from concur.observe.progress import Bar, Tally

__all__ = [
    "run_parallel",
    "iter_parallel",
    "arun_parallel",
    "aiter_parallel",
    "pool",
    "using",
    "available_workers",
    "unpack",
    "register",
    "Options",
    "Retry",
    "Bar",
    "Tally",
    "WorkerLocal",
    "Pool",
    "Results",
    "AsyncResults",
    "WorkerLimit",
    "WorkersExplained",
    "Outcome",
    "Ok",
    "Failed",
    "TimedOut",
    "Crashed",
    "Cancelled",
    "ConcurError",
    "InvalidOption",
    "InvalidCall",
    "Unsupported",
    "MissingExtra",
    "NotTransferable",
    "MainGuardMissing",
    "WorkerStartFailed",
    "SetupFailed",
    "WorkerCrashed",
    "ItemTimeout",
    "ItemCancelled",
    "DeadlineExceeded",
    "RemoteError",
    "Closed",
]

# Names are loaded when they are first used, so that `import concur` costs no more than a stub (docs/design/0010).
_HOMES = {
    "_core.outcome": (
        "Cancelled",
        "Crashed",
        "Failed",
        "Ok",
        "Outcome",
        "TimedOut",
    ),
    "_core.retry": ("Retry",),
    "_drive.state": ("WorkerLocal",),
    "_options": (
        "Options",
        "using",
    ),
    "_pool": (
        "Pool",
        "pool",
    ),
    "_run": (
        "aiter_parallel",
        "arun_parallel",
        "iter_parallel",
        "run_parallel",
    ),
    "_stream": (
        "AsyncResults",
        "Results",
    ),
    "_unpack": ("unpack",),
    "_workers": (
        "WorkerLimit",
        "WorkersExplained",
        "available_workers",
    ),
    "backends._registry": ("register",),
    "errors": (
        "Closed",
        "ConcurError",
        "DeadlineExceeded",
        "InvalidCall",
        "InvalidOption",
        "ItemCancelled",
        "ItemTimeout",
        "MainGuardMissing",
        "MissingExtra",
        "NotTransferable",
        "RemoteError",
        "SetupFailed",
        "Unsupported",
        "WorkerCrashed",
        "WorkerStartFailed",
    ),
    "observe.progress": (
        "Bar",
        "Tally",
    ),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            value = getattr(import_module(f"concur.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module 'concur' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
