"""The conformance kit: what every mode of `concur` promises, as laws that can be tried on any backend.

Needs hypothesis (`pip install 'concur[testing]'`) and no test runner. `import concur` does not import it.

    subject, behaviour     what laws are tried on; what bodies do, as data
    switchboard, source    where bodies are seen and held; a source that counts
    draws, worlds          what laws draw; the simulated mode's schedules
    kit, laws/             the registry and how a law is tried; the laws by level
    leaks, noise           what a call leaves behind; errors that nobody is told
    watchdog               what hangs
"""

from concur.testing import laws  # registers them
from concur.testing.kit import LAWS, Failed, Held, Law, Skipped, Verdict, check, check_all, law
from concur.testing.leaks import Leak, no_leaks
from concur.testing.subject import Subject
from concur.testing.switchboard import Line, Switchboard
from concur.testing.watchdog import Hang, watchdog

__all__ = [
    "Subject",
    "check",
    "check_all",
    "LAWS",
    "Law",
    "law",
    "laws",
    "Verdict",
    "Held",
    "Failed",
    "Skipped",
    "Switchboard",
    "Line",
    "no_leaks",
    "Leak",
    "watchdog",
    "Hang",
]
