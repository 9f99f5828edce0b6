"""How much CPU time Linux control groups grant this process, in CPUs.

What to make of the answer stands in `_workers.py`; no other setting of a control group is read here.

The rules, with where they come from:

- v2: `cpu.max` holds "$MAX $PERIOD" in microseconds, "max" for no limit
  (https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files).
- v1: `cpu.cfs_quota_us` over `cpu.cfs_period_us`, a quota of -1 for no limit
  (https://docs.kernel.org/scheduler/sched-bwc.html).
- A quota binds the whole subtree, and a v2 child may be set above its parent, so that every ancestor
  up to the root of the mount is read, and the smallest counts.
- Nothing here raises: a missing, unreadable or malformed file is a finding too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

Finding = tuple[float | None, str]
"""CPUs (None: no limit, or none to be seen) and the evidence: the path of a file, or why there is none."""

_UNLIMITED = float("inf")
# The only characters that mountinfo escapes; the backslash comes last, else it would make new escapes.
_ESCAPES = ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\"))


def quota_v2(root: str = "/") -> Finding:
    """The smallest `cpu.max` from the control group of this process up to the root of the mount.

    Args:
        root: the directory that stands for "/", where `proc` and the mount points are looked up.
    """
    group = _own_group(root, "")
    mounts = list(_mounts(root, "cgroup2", ""))
    return _smallest("cgroup v2", "cpu.max", group, mounts, _read_cpu_max)


def quota_v1(root: str = "/") -> Finding:
    """The smallest CFS quota over period from the control group of this process up to the mount.

    Args:
        root: the directory that stands for "/", where `proc` and the mount points are looked up.
    """
    group = _own_group(root, "cpu")
    mounts = list(_mounts(root, "cgroup", "cpu"))
    return _smallest("cgroup v1 cpu", "cpu.cfs_quota_us", group, mounts, _read_cfs_quota)


def _smallest(
    kind: str, file: str, group: str | None, mounts: list[tuple[str, str]], read: Callable[[str], float]
) -> Finding:
    if group is None:
        return None, f"not available: no {kind} group in /proc/self/cgroup"
    if not mounts:
        return None, f"not available: no {kind} mount in /proc/self/mountinfo"
    found: list[tuple[float, str]] = []
    malformed: list[str] = []
    for directory in _visible(group, mounts):
        path = f"{directory}/{file}"
        try:
            found.append((read(directory), path))
        except OSError:  # the root group has no such file, nor has a group without the cpu controller
            continue
        except (ValueError, ArithmeticError):
            malformed.append(path)
    # The key leaves the path out, so that of equals the one nearest to the process is named.
    cpus, path = min(found, key=lambda one: one[0], default=(_UNLIMITED, ""))
    if cpus < _UNLIMITED:
        return cpus, path
    if malformed:
        return None, f"not available: malformed {malformed[0]}"
    return None, f"no limit in {path}" if path else f"not available: no readable {file}"


def _visible(group: str, mounts: list[tuple[str, str]]) -> list[str]:
    """The directories of `group` and its ancestors, nearest first, as far as the mounts show them."""
    found: list[str] = []
    for top, point in mounts:
        below = _below(group, top)
        if below is not None and os.path.isdir(point + below):
            found += _lineage(point, below)
    if found or ".." in group.split("/"):  # "/../x": outside our namespace, so no mount point is an ancestor
        return found
    # In a container the path may be the host's, which is not to be seen here: then what is mounted is the
    # container's own group. Parts of the path below it would be chance namesakes (docker in docker).
    return [mounts[0][1]]


def _below(group: str, top: str) -> str | None:
    """The path of `group` under a mount that shows the hierarchy from `top` down; None if not under it."""
    group, top = group.rstrip("/"), top.rstrip("/")
    if not f"{group}/".startswith(f"{top}/"):
        return None
    below = group[len(top) :]
    return None if ".." in below.split("/") else below


def _lineage(point: str, below: str) -> Iterator[str]:
    while below:
        yield point + below
        below = below.rpartition("/")[0]
    yield point


def _own_group(root: str, controller: str) -> str | None:
    """The path of this process's group in the hierarchy of `controller` ("" is the v2 hierarchy)."""
    for line in _lines(root, "/proc/self/cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if path.startswith("/") and controller in controllers.split(","):
            return path
    return None


def _mounts(root: str, filesystem: str, option: str) -> Iterator[tuple[str, str]]:
    """For each matching mount: which part of the hierarchy it shows, and the directory where it does."""
    for line in _lines(root, "/proc/self/mountinfo"):
        where, _, what = line.partition(" - ")
        fields, kinds = where.split(" "), what.split(" ")
        if len(fields) < 5 or kinds[0] != filesystem:
            continue
        if not option or option in kinds[-1].split(","):
            yield _unescape(fields[3]), _under(root, _unescape(fields[4]))


def _unescape(text: str) -> str:
    for escape, character in _ESCAPES:
        text = text.replace(escape, character)
    return text


def _read_cpu_max(directory: str) -> float:
    quota, period = _read(f"{directory}/cpu.max").split()
    return _UNLIMITED if quota == "max" else _cpus(int(quota), int(period))


def _read_cfs_quota(directory: str) -> float:
    quota = int(_read(f"{directory}/cpu.cfs_quota_us"))
    return _UNLIMITED if quota == -1 else _cpus(quota, int(_read(f"{directory}/cpu.cfs_period_us")))


def _cpus(quota: int, period: int) -> float:
    if quota <= 0 or period <= 0:
        raise ValueError(f"no such share of a CPU: {quota}/{period}")
    return quota / period


def _under(root: str, path: str) -> str:
    return root.rstrip("/") + path


def _lines(root: str, path: str) -> list[str]:
    try:
        return _read(_under(root, path)).split("\n")  # splitlines() would also split at what a name may hold
    except (OSError, ValueError):
        return []


def _read(path: str) -> str:
    # backslashreplace: a name that is no UTF-8 must neither raise here nor later, when a detail is printed.
    with open(path, encoding="utf-8", errors="backslashreplace") as file:
        return file.read()
