"""A Linux machine as a tree of files: what a process reads of its control groups, and nothing else."""

from pathlib import Path

V2_MOUNT = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1_MOUNT = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct"
OTHER_MOUNTS = (
    "22 27 0:21 / /proc rw,relatime - proc proc rw",
    "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard",
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory",
)


class FakeLinux:
    def __init__(self, root: Path) -> None:
        self.root = str(root)

    def process_in(self, *groups: str) -> None:
        """The lines of /proc/self/cgroup."""
        self.write("/proc/self/cgroup", "".join(f"{line}\n" for line in groups))

    def mounted(self, *mounts: str) -> None:
        """Some lines of /proc/self/mountinfo, between others that do not matter."""
        self.write("/proc/self/mountinfo", "".join(f"{line}\n" for line in (*OTHER_MOUNTS, *mounts)))

    def cpu_max(self, directory: str, text: str) -> None:
        self.write(f"{directory}/cpu.max", f"{text}\n")

    def cfs(self, directory: str, quota: str, period: str = "100000") -> None:
        self.write(f"{directory}/cpu.cfs_quota_us", f"{quota}\n")
        self.write(f"{directory}/cpu.cfs_period_us", f"{period}\n")

    def write(self, path: str, text: str) -> None:
        file = Path(self.path(path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def path(self, path: str) -> str:
        return self.root + path
