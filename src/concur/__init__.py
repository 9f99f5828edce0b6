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
