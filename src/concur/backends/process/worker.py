"""The main loop of a worker process: items in, values and errors out, until it is told to stop or its parent is gone.

The worker's stdout and stderr are the user's; the protocol has a channel of its own.
"""

from __future__ import annotations

import gc
import multiprocessing
import pickle
import signal
from contextvars import Context
from threading import Lock
from typing import TYPE_CHECKING, Any

from concur._core.steps import Breakdown, Job, Report
from concur._drive.names import name_for_system
from concur._drive.state import WorkerState
from concur._drive.worker import Batch, run_batch
from concur.backends.process import wire
from concur.errors import ConcurError, NotTransferable, SetupFailed

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from concur._drive.hosts import LoopHost

__all__ = ["main"]


def main(channel: Connection, name: str, setup: bytes, pool: frozenset[int], siblings: list[Connection]) -> None:
    """Be a worker process."""
    for sibling in siblings:  # after a fork: while these stay open here, others would not see their end of file
        sibling.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    process: Any = multiprocessing.current_process()
    process._config["daemon"] = False  # a daemon may not have children, and a nested process call needs some
    name_for_system(name)
    gc.freeze()
    worker = _Worker(channel, name, pool)
    try:
        worker.serve(setup)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the parent is gone
    finally:
        worker.close()


class _Worker:
    def __init__(self, channel: Connection, name: str, pool: frozenset[int]) -> None:
        self._channel = channel
        self._state = WorkerState(name, pool)
        self._calls: dict[int, _Call] = {}
        self._sending = Lock()
        self._loops: dict[str, LoopHost] = {}

    def serve(self, setup: bytes) -> None:
        try:
            self._state.set_up(wire.load("setup", setup))
        except (SetupFailed, NotTransferable) as exc:
            self.send("broken", wire.dump_error(exc))
            return
        self.send("ready")
        while True:
            kind, *args = pickle.loads(self._channel.recv_bytes())
            if kind == "stop":
                return
            getattr(self, f"_on_{kind}")(*args)

    def send(self, *message: Any) -> None:
        payload = pickle.dumps(message, wire.PROTOCOL)
        with self._sending:
            self._channel.send_bytes(payload)

    def close(self) -> None:
        for loop in self._loops.values():
            loop.close()
        self._state.close()
        self._channel.close()

    def _on_call(self, number: int, fn: bytes, loop: str | None, clocked: bool, carried: bytes) -> None:
        self.send("called", number)
        try:
            function = wire.load("fn", fn)
            context = Context()
            for name, payload in pickle.loads(carried):
                value = wire.load(f"context variable {name}", payload)
                context.run(wire.find_variable(name).set, value)
        except ConcurError as exc:
            self.send("refused", number, wire.dump_error(exc))
            return
        base = self._state.context(context)
        if loop is None:
            self._calls[number] = _Call(self, function, base, clocked)
        else:
            self._calls[number] = _AsyncCall(self, function, base, clocked, loop)

    def _on_item(self, number: int, ticket: int, index: int, payload: bytes) -> None:
        call = self._calls.get(number)
        if call is not None:
            call.run(ticket, index, payload)
        else:  # its function was refused
            self.send("cancelled", ticket, 0.0, wire.dump_error(RuntimeError("cancelled")))

    def _on_cancel(self, number: int, ticket: int) -> None:
        call = self._calls.get(number)
        if call is not None:
            call.cancel(ticket)

    def _on_end(self, number: int) -> None:
        call = self._calls.pop(number, None)
        if call is not None:
            call.close()

    def loop(self, library: str) -> LoopHost:
        """Give the worker's event loop of `library`, started on first use."""
        if library not in self._loops:
            from concur._drive.hosts import LoopHost
            from concur.backends.async_ import TaskEngine

            state = self._state  # how many bodies run at once is the parent's to decide: it deals the items
            self._loops[library] = LoopHost(lambda: TaskEngine(1 << 30, None, state.pools, state), library)
        return self._loops[library]


class _Call:
    """One call's plain function in this worker."""

    def __init__(self, worker: _Worker, fn: Any, base: Context, clocked: bool) -> None:
        self.worker = worker
        self.fn = fn
        self.base = base
        self.clocked = clocked

    def run(self, ticket: int, index: int, payload: bytes) -> None:
        item = self.load(ticket, index, payload)
        if item is None:
            return
        batch = Batch(Job(index, item), timed=True)
        batch.begin("worker")
        if self.clocked:
            self.worker.send("began", ticket)
        run_batch(batch, self.fn, self.base)
        report = batch.end()
        assert report is not None
        self.answer(ticket, report)

    def load(self, ticket: int, index: int, payload: bytes) -> list[Any] | None:
        """Unpickle an item, in a list; None when it does not unpickle, which is told."""
        try:
            return [wire.load(f"item {index}", payload)]
        except BaseException as exc:
            self.worker.send("failed", ticket, 0.0, wire.dump_error(exc))
            return None

    def answer(self, ticket: int, report: Report) -> None:
        """Send an item's value or error."""
        if not report.values:
            return
        seconds = report.durations[0] if report.durations else 0.0
        failure = (report.failures or {}).get(0)
        if failure is not None:
            kind = "cancelled" if failure.kind == "cancelled" else "failed"
            self.worker.send(kind, ticket, seconds, wire.dump_error(failure.error))
            return
        try:
            payload = wire.dump(f"result of item {report.job.start}", report.values[0])
        except BaseException as exc:
            self.worker.send("failed", ticket, seconds, wire.dump_error(exc))
        else:
            self.worker.send("done", ticket, seconds, payload)

    def cancel(self, ticket: int) -> None:
        """A plain body cannot be interrupted from inside: the parent kills the worker."""

    def close(self) -> None:
        """Nothing is kept."""


class _AsyncCall(_Call):
    """One call's coroutine function in this worker: its items run on the worker's event loop, several at a time."""

    def __init__(self, worker: _Worker, fn: Any, base: Context, clocked: bool, loop: str) -> None:
        from concur.backends import Work

        super().__init__(worker, fn, base, clocked)
        self._tickets: dict[Job, int] = {}
        self._jobs: dict[int, Job] = {}
        work = Work(fn=self._body if clocked else fn, is_async=True, timed=True, context=base)
        self._session = worker.loop(loop).session(work, self._deliver)

    async def _body(self, item: Any) -> Any:
        ticket, value = item
        self.worker.send("began", ticket)
        return await self.fn(value)

    def run(self, ticket: int, index: int, payload: bytes) -> None:
        item = self.load(ticket, index, payload)
        if item is None:
            return
        job = Job(index, [(ticket, item[0])] if self.clocked else item)
        self._tickets[job] = ticket
        self._jobs[ticket] = job
        self._session.start(job)

    def cancel(self, ticket: int) -> None:
        job = self._jobs.get(ticket)
        if job is not None:
            self._session.cancel(job, abandon=True)

    def close(self) -> None:
        self._session.close()

    def _deliver(self, report: Report | Breakdown) -> None:
        if isinstance(report, Breakdown):
            raise report.error
        ticket = self._tickets.pop(report.job, None)
        if ticket is None:
            return
        del self._jobs[ticket]
        if report.values:
            self.answer(ticket, report)
        else:  # cancelled before it began
            self.worker.send("cancelled", ticket, 0.0, wire.dump_error(RuntimeError("cancelled")))
