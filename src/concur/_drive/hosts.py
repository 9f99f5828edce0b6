"""Helper threads that host an engine: one that is driven by waiting, or one that lives on an event loop.

A hosted engine pushes its reports, so that any driver can use it: the async one without blocking its loop, and the
calls of a kept pool side by side. What engines do with jobs does not live here.
"""

from __future__ import annotations

import threading
from collections import deque
from contextvars import Context
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from concur._core.steps import Breakdown, Report
from concur._drive.worker import clock
from concur.errors import Closed

if TYPE_CHECKING:
    from collections.abc import Callable

    from concur.backends import Deliver, Engine, Job, Session, Work


class _Hosted:
    """What both kinds of host share: commands that are carried out, in order, in the helper thread."""

    def __init__(self, name: str) -> None:
        self._commands: deque[Callable[[], object]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._name = name
        self._closing = False
        self._broken: BaseException | None = None  # what ended the thread before its time
        self.ended: bool = False  # the thread has left its loop
        self._sessions: set[HostedSession] = set()

    def session(self, work: Work, deliver: Deliver) -> HostedSession:
        """Open a session; raises what the engine's own `session` raises."""
        answer: SimpleQueue[BaseException | None] = SimpleQueue()
        session = HostedSession(self, deliver)

        def open_session() -> None:
            try:
                if self.ended:
                    raise self._broken or Closed("the pool is closed")
                session.open(self._open(work, session.deliver))
                answer.put(None)
            except BaseException as exc:
                answer.put(exc)

        self.command(open_session)
        failed = answer.get()
        if failed is not None:
            raise failed
        with self._lock:
            self._sessions.add(session)
        return session

    def forget(self, session: HostedSession) -> None:
        """A session is closed."""
        with self._lock:
            self._sessions.discard(session)

    def clock(self) -> float:
        return clock()

    def wait(self, timeout: float | None) -> None:
        raise AssertionError("hosted engines push their reports")

    def wake(self) -> None:
        """Nothing waits here."""

    def command(self, command: Callable[[], object]) -> None:
        """Have the helper thread carry out a command, from any thread."""
        with self._lock:
            if self._broken is not None:
                raise Closed("the engine has failed") from self._broken
            if self._closing:
                raise Closed("the pool is closed")
            self._commands.append(command)
            if self._thread is None:
                self._thread = threading.Thread(target=self._host, name=self._name, daemon=True)
                self._thread.start()
        self._nudge()

    def close(self) -> None:
        with self._lock:
            self._closing = True
            thread = self._thread
        self._tell(Closed("the pool was closed while the call ran"))
        if thread is None:
            self._never_started()
        elif thread is not threading.current_thread():
            self._nudge()
            thread.join()

    def _host(self) -> None:
        """Be the helper thread. Whatever ends it, nobody is left waiting for it."""
        try:
            self._main()
        except BaseException as exc:
            with self._lock:
                self._broken = exc
            self._tell(exc)
        finally:
            with self._lock:
                self._closing = self.ended = True
            while self._commands:
                try:
                    self._commands.popleft()()
                except Exception:  # the engine's own, again
                    continue
            with self._lock:
                sessions = list(self._sessions)
            for session in sessions:
                session.let_go()

    def _tell(self, error: BaseException) -> None:
        """Tell every open session that it cannot go on."""
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            session.deliver(Breakdown(error))

    def _carry_out(self) -> None:
        while self._commands:
            self._commands.popleft()()

    def _open(self, work: Work, deliver: Deliver) -> Session:
        raise AssertionError

    def _main(self) -> None:
        raise AssertionError

    def _nudge(self) -> None:
        raise AssertionError

    def _never_started(self) -> None:
        """Close what was opened before the thread."""


class HostedSession:
    """A session whose engine lives in a helper thread."""

    _session: Session

    def __init__(self, host: _Hosted, deliver: Deliver) -> None:
        self._host = host
        self._deliver = deliver
        self._jobs: dict[Job, None] = {}  # whose last report is awaited

    def open(self, session: Session) -> None:
        """Take the engine's own session. In the helper thread."""
        self._session = session

    def deliver(self, report: Report | Breakdown) -> None:
        if isinstance(report, Report) and report.over:
            self._jobs.pop(report.job, None)
        self._deliver(report)

    def let_go(self) -> None:
        """Give the last report of every job: the helper thread has ended, and nobody else will."""
        for job in list(self._jobs):
            self.deliver(Report(job, []))

    def start(self, job: Job) -> None:
        self._jobs[job] = None
        self._do(self._session.start, job)

    def recall(self, job: Job) -> None:
        self._do(self._session.recall, job)

    def cancel(self, job: Job, *, abandon: bool) -> None:
        try:
            self._do(lambda: self._session.cancel(job, abandon=abandon))
        except Closed:
            if self._host.ended:
                self.deliver(Report(job, []))

    def close(self) -> None:
        self._host.forget(self)
        done = threading.Event()

        def close_session() -> None:
            try:
                self._session.close()
            finally:
                done.set()

        try:
            self._host.command(close_session)
        except Closed:
            return
        done.wait()

    def _do(self, function: Callable[..., object], *args: Any) -> None:
        def guarded() -> None:
            try:
                function(*args)
            except BaseException as exc:
                self.deliver(Breakdown(exc))

        self._host.command(guarded)


class DrivenHost(_Hosted):
    """Hosts an engine that works or waits in `Engine.wait`."""

    def __init__(self, engine: Engine, name: str = "concur-engine") -> None:
        super().__init__(name)
        self._engine = engine

    def clock(self) -> float:
        return self._engine.clock()

    def _open(self, work: Work, deliver: Deliver) -> Session:
        return self._engine.session(work, deliver)

    def _main(self) -> None:
        try:
            while not self._closing:
                self._carry_out()
                try:
                    self._engine.wait(None)
                except Exception as exc:  # such as no more processes: it ends the calls, not the pool
                    self._tell(exc)
            self._carry_out()
        finally:
            self._engine.close()

    def _nudge(self) -> None:
        self._engine.wake()

    def _never_started(self) -> None:
        self._engine.close()


class LoopHost(_Hosted):
    """Hosts a loop-native engine on an event loop of its own."""

    def __init__(self, open_engine: Callable[[], Any], loop: str, name: str = "concur-loop") -> None:
        super().__init__(name)
        self._open_engine = open_engine
        self._loop = loop
        self._engine: Any = None
        self._bell: Callable[[], object] = lambda: None

    def _open(self, work: Work, deliver: Deliver) -> Session:
        session: Session = self._engine.session(work, deliver)
        return session

    def _main(self) -> None:
        import anyio

        # An empty context: the caller's may say that a loop runs already. Bodies get the caller's with their work.
        Context().run(lambda: anyio.run(self._serve, backend=self._loop))

    async def _serve(self) -> None:
        from concur._drive.mailbox import Mailbox

        mailbox = Mailbox[None]()
        mailbox.open_to_threads()
        self._bell = lambda: mailbox.post(None)
        async with self._open_engine() as engine:
            self._engine = engine
            while not self._closing:
                self._carry_out()
                if not self._closing and not self._commands:
                    await mailbox.wait(None)
                    mailbox.take()
            self._carry_out()

    def _nudge(self) -> None:
        self._bell()
