"""CPU quotas of control groups, read from fake trees."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concur._cgroups import quota_v1, quota_v2
from fake_linux import V1_MOUNT, V2_MOUNT, FakeLinux

V2 = "/sys/fs/cgroup"
V1 = "/sys/fs/cgroup/cpu,cpuacct"


@pytest.fixture
def linux(tmp_path: Path) -> FakeLinux:
    """A process in the v2 group /app/web."""
    fake = FakeLinux(tmp_path)
    fake.process_in("0::/app/web")
    fake.mounted(V2_MOUNT)
    return fake


@pytest.fixture
def linux_v1(tmp_path: Path) -> FakeLinux:
    """A process in the v1 group /app/web of the cpu controller, and elsewhere for others."""
    fake = FakeLinux(tmp_path)
    fake.process_in("5:memory:/elsewhere", "4:cpu,cpuacct:/app/web", "3:cpuset:/", "1:name=systemd:/", "0::/")
    fake.mounted(V1_MOUNT)
    return fake


# cgroup v2


def test_the_quota_is_divided_by_the_period(linux: FakeLinux) -> None:
    linux.cpu_max(f"{V2}/app/web", "150000 100000")
    assert quota_v2(linux.root) == (1.5, linux.path(f"{V2}/app/web/cpu.max"))


def test_the_smallest_quota_among_the_ancestors_counts(linux: FakeLinux) -> None:
    linux.cpu_max(f"{V2}/app/web", "400000 100000")
    linux.cpu_max(f"{V2}/app", "100000 50000")
    assert quota_v2(linux.root) == (2.0, linux.path(f"{V2}/app/cpu.max"))


def test_the_mount_root_counts_too_because_in_a_container_it_is_its_own_group(linux: FakeLinux) -> None:
    linux.cpu_max(f"{V2}/app/web", "max 100000")
    linux.cpu_max(V2, "300000 100000")
    assert quota_v2(linux.root) == (3.0, linux.path(f"{V2}/cpu.max"))


def test_a_sibling_group_does_not_count(linux: FakeLinux) -> None:
    linux.cpu_max(f"{V2}/app/web", "400000 100000")
    linux.cpu_max(f"{V2}/app/webserver", "100000 100000")
    assert quota_v2(linux.root)[0] == 4.0


def test_of_equal_quotas_the_nearest_group_is_named(linux: FakeLinux) -> None:
    linux.cpu_max(f"{V2}/app/web", "200000 100000")
    linux.cpu_max(f"{V2}/app", "200000 100000")
    assert quota_v2(linux.root)[1] == linux.path(f"{V2}/app/web/cpu.max")


def test_max_is_no_limit(linux: FakeLinux) -> None:
    linux.cpu_max(f"{V2}/app/web", "max 100000")
    assert quota_v2(linux.root) == (None, f"no limit in {linux.path(f'{V2}/app/web/cpu.max')}")


def test_a_group_without_the_cpu_controller_is_passed_over(linux: FakeLinux) -> None:
    os.makedirs(linux.path(f"{V2}/app/web"))
    linux.cpu_max(f"{V2}/app", "250000 100000")
    assert quota_v2(linux.root)[0] == 2.5


def test_a_process_in_the_root_group_reads_the_mount_point(linux: FakeLinux) -> None:
    linux.process_in("0::/")
    linux.cpu_max(V2, "100000 100000")
    assert quota_v2(linux.root) == (1.0, linux.path(f"{V2}/cpu.max"))


def test_the_mount_may_be_anywhere_and_its_path_escaped(linux: FakeLinux) -> None:
    linux.mounted(r"30 24 0:26 / /my\040groups\134here rw shared:4 master:1 - cgroup2 none rw")
    linux.cpu_max("/my groups\\here/app/web", "100000 100000")
    assert quota_v2(linux.root)[0] == 1.0


def test_a_group_name_may_hold_colons_and_odd_spaces(linux: FakeLinux) -> None:
    linux.process_in("0::/a:b/c\u2028d \x0be")
    linux.cpu_max(f"{V2}/a:b/c\u2028d \x0be", "100000 100000")
    assert quota_v2(linux.root)[0] == 1.0


def test_a_mount_of_a_part_of_the_hierarchy_shows_the_group_below_that_part(linux: FakeLinux) -> None:
    linux.process_in("0::/docker/f00/inner")
    linux.mounted(V2_MOUNT.replace(" / /sys", " /docker/f00 /sys"))
    linux.cpu_max(f"{V2}/inner", "max 100000")
    linux.cpu_max(V2, "200000 100000")
    assert quota_v2(linux.root)[0] == 2.0


def test_all_mounts_that_show_the_process_count(linux: FakeLinux) -> None:
    linux.process_in("0::/docker/f00")
    linux.mounted(V2_MOUNT.replace(" / /sys", " /docker/f00 /sys"), V2_MOUNT.replace("/sys/fs", "/host"))
    linux.cpu_max(V2, "400000 100000")
    linux.cpu_max("/host/cgroup/docker/f00", "400000 100000")
    linux.cpu_max("/host/cgroup/docker", "300000 100000")
    assert quota_v2(linux.root) == (3.0, linux.path("/host/cgroup/docker/cpu.max"))


def test_a_path_outside_the_namespace_is_not_followed_out_of_the_mount(linux: FakeLinux) -> None:
    linux.process_in("0::/../other")
    linux.cpu_max(V2, "100000 100000")
    linux.cpu_max("/sys/fs/other", "100000 100000")
    assert quota_v2(linux.root) == (None, "not available: no readable cpu.max")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "max",
        "100000",
        "fast 100000",
        "100000 0",
        "0 100000",
        "-1 -1",
        "1 2 3",
        "9" * 400 + " 1",
        "\0\ufffd",
    ],
)
def test_a_malformed_file_is_not_available(linux: FakeLinux, text: str) -> None:
    linux.cpu_max(f"{V2}/app/web", text)
    linux.cpu_max(V2, "max 100000")
    assert quota_v2(linux.root) == (None, f"not available: malformed {linux.path(f'{V2}/app/web/cpu.max')}")


def test_a_malformed_file_hides_no_limit_of_another(linux: FakeLinux) -> None:
    linux.cpu_max(f"{V2}/app/web", "what?")
    linux.cpu_max(f"{V2}/app", "200000 100000")
    assert quota_v2(linux.root)[0] == 2.0


def test_bytes_that_are_no_text_are_not_available(linux: FakeLinux) -> None:
    linux.cpu_max(f"{V2}/app/web", "")
    Path(linux.path(f"{V2}/app/web/cpu.max")).write_bytes(b"\xff\xfe 100000")
    cpus, detail = quota_v2(linux.root)
    assert cpus is None
    assert detail.startswith("not available: malformed")
    Path(linux.path("/proc/self/cgroup")).write_bytes(b"0::/\xff\n")
    cpus, detail = quota_v2(linux.root)
    assert (cpus, detail) == (None, "not available: no readable cpu.max")
    assert detail.encode()


def test_an_unreadable_file_is_not_available(linux: FakeLinux) -> None:
    os.makedirs(linux.path(f"{V2}/app/web/cpu.max"))  # a directory: unreadable even for root
    assert quota_v2(linux.root) == (None, "not available: no readable cpu.max")


@pytest.mark.parametrize("lines", ["", "nonsense\n", "0::\n", "0::relative\n", "4:memory:/a\n"])
def test_without_a_group_nothing_is_available(linux: FakeLinux, lines: str) -> None:
    linux.write("/proc/self/cgroup", lines)
    linux.cpu_max(V2, "100000 100000")
    assert quota_v2(linux.root) == (None, "not available: no cgroup v2 group in /proc/self/cgroup")


def test_without_proc_nothing_is_available(tmp_path: Path) -> None:
    assert quota_v2(str(tmp_path)) == (None, "not available: no cgroup v2 group in /proc/self/cgroup")
    assert quota_v1(str(tmp_path)) == (None, "not available: no cgroup v1 cpu group in /proc/self/cgroup")


@pytest.mark.parametrize("mountinfo", ["", "nonsense\n", "1 2 - cgroup2 x rw\n", "- cgroup2\n", " - \n"])
def test_without_a_mount_nothing_is_available(linux: FakeLinux, mountinfo: str) -> None:
    linux.write("/proc/self/mountinfo", mountinfo)
    assert quota_v2(linux.root) == (None, "not available: no cgroup v2 mount in /proc/self/mountinfo")


@given(
    text=st.text(alphabet="0123456789 :/-\nacgroup2.,\\", max_size=60),
    file=st.sampled_from(["/proc/self/cgroup", "/proc/self/mountinfo", f"{V2}/app/cpu.max"]),
)
@settings(max_examples=60, deadline=None)
def test_no_content_of_a_file_raises(tmp_path_factory: pytest.TempPathFactory, text: str, file: str) -> None:
    linux = FakeLinux(tmp_path_factory.mktemp("linux"))
    linux.process_in("0::/app", "4:cpu:/app")
    linux.mounted(V2_MOUNT, V1_MOUNT)
    linux.write(file, text)
    for cpus, detail in (quota_v2(linux.root), quota_v1(linux.root)):
        assert cpus is None or cpus > 0
        assert detail


@given(quotas=st.lists(st.none() | st.integers(1_000, 6_400_000), min_size=1, max_size=5))
@settings(max_examples=40, deadline=None)
def test_the_quota_is_the_minimum_over_the_lineage(
    tmp_path_factory: pytest.TempPathFactory, quotas: list[int | None]
) -> None:
    linux = FakeLinux(tmp_path_factory.mktemp("linux"))
    linux.mounted(V2_MOUNT, V1_MOUNT)
    group = ""
    for depth, quota in enumerate(quotas):
        group += f"/g{depth}"
        linux.cpu_max(V2 + group, f"{'max' if quota is None else quota} 100000")
        linux.cfs(V1 + group, "-1" if quota is None else str(quota))
    linux.process_in(f"4:cpu:{group}", f"0::{group}")
    expected = min((quota / 100_000 for quota in quotas if quota is not None), default=None)
    assert quota_v2(linux.root)[0] == quota_v1(linux.root)[0] == expected


# cgroup v1


def test_v1_divides_the_quota_by_the_period(linux_v1: FakeLinux) -> None:
    linux_v1.cfs(f"{V1}/app/web", "75000", "50000")
    assert quota_v1(linux_v1.root) == (1.5, linux_v1.path(f"{V1}/app/web/cpu.cfs_quota_us"))


def test_v1_reads_the_ancestors_too(linux_v1: FakeLinux) -> None:
    linux_v1.cfs(f"{V1}/app/web", "-1")
    linux_v1.cfs(f"{V1}/app", "200000")
    assert quota_v1(linux_v1.root)[0] == 2.0


def test_v1_without_a_quota_sets_no_limit(linux_v1: FakeLinux) -> None:
    linux_v1.cfs(f"{V1}/app/web", "-1")
    path = linux_v1.path(f"{V1}/app/web/cpu.cfs_quota_us")
    assert quota_v1(linux_v1.root) == (None, f"no limit in {path}")


def test_v1_in_a_container_that_mounts_only_its_own_part(linux_v1: FakeLinux) -> None:
    linux_v1.process_in("4:cpu,cpuacct:/docker/f00")
    linux_v1.mounted(V1_MOUNT.replace(" / /sys", " /docker/f00 /sys"))
    linux_v1.cfs(V1, "200000")
    assert quota_v1(linux_v1.root)[0] == 2.0


def test_v1_reads_the_mount_point_when_the_path_is_the_hosts(linux_v1: FakeLinux) -> None:
    linux_v1.process_in("4:cpu,cpuacct:/docker/f00")
    linux_v1.cfs(V1, "200000")
    linux_v1.cfs(f"{V1}/docker", "100000")  # the parent of containers inside this one, no ancestor of it
    assert quota_v1(linux_v1.root) == (2.0, linux_v1.path(f"{V1}/cpu.cfs_quota_us"))


def test_v1_reads_the_mount_point_when_it_shows_another_part(linux_v1: FakeLinux) -> None:
    linux_v1.mounted(V1_MOUNT.replace(" / /sys", " /app/we /sys"))
    linux_v1.cfs(V1, "200000")
    linux_v1.cfs(f"{V1}b", "100000")  # where /app/web would be if /app/we were taken for its parent
    assert quota_v1(linux_v1.root)[0] == 2.0


def test_v1_without_a_period_is_not_available(linux_v1: FakeLinux) -> None:
    linux_v1.write(f"{V1}/app/web/cpu.cfs_quota_us", "100000\n")
    assert quota_v1(linux_v1.root) == (None, "not available: no readable cpu.cfs_quota_us")


@pytest.mark.parametrize(("quota", "period"), [("", "1"), ("0", "1"), ("1", "0"), ("-2", "1"), ("1", "x")])
def test_v1_malformed_is_not_available(linux_v1: FakeLinux, quota: str, period: str) -> None:
    linux_v1.cfs(f"{V1}/app/web", quota, period)
    cpus, detail = quota_v1(linux_v1.root)
    assert cpus is None
    assert detail.startswith("not available: malformed")


def test_v1_needs_the_cpu_controller_not_cpuset_or_cpuacct(linux_v1: FakeLinux) -> None:
    linux_v1.process_in("4:cpuacct:/app/web", "3:cpuset:/app/web")
    assert quota_v1(linux_v1.root)[1] == "not available: no cgroup v1 cpu group in /proc/self/cgroup"


def test_v1_reads_the_mount_of_the_cpu_controller_only(linux_v1: FakeLinux) -> None:
    cpuset = V1_MOUNT.replace("cpu,cpuacct", "cpuset")
    linux_v1.mounted(cpuset, V1_MOUNT)
    linux_v1.cfs("/sys/fs/cgroup/cpuset/app/web", "100000")
    linux_v1.cfs(f"{V1}/app/web", "200000")
    assert quota_v1(linux_v1.root)[0] == 2.0


def test_a_hybrid_machine_answers_for_each_version(linux_v1: FakeLinux) -> None:
    linux_v1.mounted(V1_MOUNT, V2_MOUNT.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified"))
    linux_v1.cfs(f"{V1}/app/web", "300000")
    os.makedirs(linux_v1.path("/sys/fs/cgroup/unified"))
    assert quota_v1(linux_v1.root)[0] == 3.0
    assert quota_v2(linux_v1.root) == (None, "not available: no readable cpu.max")
