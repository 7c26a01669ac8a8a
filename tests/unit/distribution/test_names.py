"""File names say version, system and processor."""

from __future__ import annotations

import re

import pytest

from airgap import __version__
from distribution.names import Names, wheel_platforms
from distribution.tools import BuildError


@pytest.mark.parametrize(
    ("system", "machine", "libc", "stem"),
    [
        ("linux", "x86_64", "glibc", "airgap-1.2-linux-x86_64"),
        ("linux", "aarch64", "glibc", "airgap-1.2-linux-arm64"),
        ("linux", "x86_64", "", "airgap-1.2-linux-musl-x86_64"),
        ("darwin", "arm64", "", "airgap-1.2-macos-arm64"),
        ("win32", "AMD64", "", "airgap-1.2-windows-x86_64"),
    ],
)
def test_the_name_says_version_system_and_processor(system: str, machine: str, libc: str, stem: str) -> None:
    names = Names.of("1.2", system, machine, libc=libc)
    assert names.stem == stem
    assert names.executable == stem + (".exe" if system == "win32" else "")
    assert names.folder == stem + ("-folder.zip" if system == "win32" else "-folder.tar.gz")
    for_any = {names.wheel, names.sdist}
    assert all(name.startswith(stem) for name in names.for_others() if name not in for_any)


def test_names_differ_and_a_shell_needs_no_quotes_for_them() -> None:
    names = Names.here(__version__).for_others()
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[\w.-]+", name) for name in names)


def test_what_is_unpacked_in_one_place_has_names_of_its_own() -> None:
    names = Names.of("1.2", "linux", "x86_64", libc="glibc")
    assert names.unpacked == "airgap-1.2-linux-x86_64-folder"
    assert names.unpacked not in names.for_others()


def test_an_unknown_system_is_refused() -> None:
    with pytest.raises(BuildError, match="nothing is built on plan9"):
        Names.of("1.2", "plan9", "x86_64", libc="")


def test_wheels_are_for_old_systems_too() -> None:
    tags = wheel_platforms(Names.of("1", "linux", "aarch64", libc="glibc"), "aarch64")
    assert tags[0] == "manylinux_2_28_aarch64"
    assert tags[-2:] == ("manylinux_2_17_aarch64", "manylinux2014_aarch64")


def test_elsewhere_wheels_are_those_of_the_machine() -> None:
    assert wheel_platforms(Names.of("1", "darwin", "arm64", libc=""), "arm64") == ()
