"""The wheelhouse: only locked versions, all that each Python needs, and a list of hashes without addresses."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from distribution.names import PYTHONS, Names
from distribution.needs import check_complete
from distribution.tools import BuildError
from distribution.wheelhouse import hashed_requirements, install_text
from distribution.wheels import Wheel, check_locked, pins, unpack, wheels_in

NAMES = Names("1.0", "linux", "x86_64")


def wheel(folder: Path, file_name: str, *, needs: tuple[str, ...] = (), more: Mapping[str, str] | None = None) -> Wheel:
    """A small but real one."""
    folder.mkdir(exist_ok=True)
    stem = "-".join(file_name.split("-")[:2])
    metadata = "".join(["Metadata-Version: 2.1\n", *(f"Requires-Dist: {need}\n" for need in needs), "\nText\n"])
    with zipfile.ZipFile(folder / file_name, "w") as made:
        made.writestr(f"{stem}.dist-info/METADATA", metadata)
        made.writestr(f"{stem}.dist-info/WHEEL", f"Tag: {file_name}")
        for name, content in (more or {}).items():
            made.writestr(name, content)
    return Wheel.at(folder / file_name)


OWN = "airgap_oci-1.0-py3-none-any.whl"


def test_a_wheel_is_named_by_its_canonical_name(tmp_path: Path) -> None:
    found = wheel(tmp_path, "Ruamel.Yaml_Clib-2.0-cp311-cp311-manylinux2014_x86_64.whl")
    assert (found.name, found.version) == ("ruamel-yaml-clib", "2.0")


def test_a_folder_with_anything_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="has no wheels"):
        wheels_in(tmp_path)
    (tmp_path / "source-1.0.tar.gz").write_text("x")
    with pytest.raises(BuildError, match="no name of a wheel"):
        wheels_in(tmp_path)


def test_only_locked_versions_are_accepted(tmp_path: Path) -> None:
    locked = pins(
        '# text\nPyYAML==6.0\natheris==3.0; python_version < "3.12"\natheris==3.1; python_version >= "3.12"\n'
    )
    assert locked == {"pyyaml": {"6.0"}, "atheris": {"3.0", "3.1"}}
    good = [wheel(tmp_path, OWN), wheel(tmp_path, "pyyaml-6.0-py3-none-any.whl")]
    check_locked(good, locked, own="airgap-oci")
    other = [wheel(tmp_path, "pyyaml-6.1-py3-none-any.whl"), wheel(tmp_path, "new-1.0-py3-none-any.whl")]
    with pytest.raises(BuildError, match=r"does not lock new==1\.0, pyyaml==6\.1:"):
        check_locked([*good, *other], locked, own="airgap-oci")


def test_each_python_must_have_all_that_it_needs(tmp_path: Path) -> None:
    wheels = [
        wheel(
            tmp_path,
            OWN,
            needs=("a>=1", 'old; python_version < "3.12"', 'tuf>=2; extra == "tuf"', 'x; extra == "dask"'),
        ),
        wheel(tmp_path, "a-1.5-cp311-abi3-manylinux2014_x86_64.whl"),
        wheel(tmp_path, "tuf-2.0-py2.py3-none-any.whl"),
    ]
    wanted = Requirement("airgap-oci[tuf]")
    check_complete(wheels, wanted, ["3.12", "3.14"])
    with pytest.raises(BuildError, match=r"what Python 3\.11 needs: old; python_version"):
        check_complete(wheels, wanted, PYTHONS)


@pytest.mark.parametrize(
    "file_name",
    [
        "a-0.9-py3-none-any.whl",
        "a-1.5-cp311-cp311-manylinux2014_x86_64.whl",
        "a-1.5-cp313-abi3-manylinux2014_x86_64.whl",
    ],
    ids=["too old", "for another Python", "for later Pythons"],
)
def test_a_wheel_that_cannot_serve_does_not_count(tmp_path: Path, file_name: str) -> None:
    wheels = [wheel(tmp_path, OWN, needs=("a>=1",)), wheel(tmp_path, file_name)]
    with pytest.raises(BuildError, match=r"Python 3\.12 needs: a>=1"):
        check_complete(wheels, Requirement("airgap-oci"), ["3.12"])


def test_the_list_has_each_version_once_with_the_sums_of_all_its_wheels(tmp_path: Path) -> None:
    wheels = [
        wheel(tmp_path, "b-2.0-cp311-cp311-linux_x86_64.whl"),
        wheel(tmp_path, "b-2.0-cp312-cp312-linux_x86_64.whl"),
        wheel(tmp_path, OWN),
    ]
    sums = [hashlib.sha256(one.path.read_bytes()).hexdigest() for one in wheels]
    both = " \\\n    ".join(f"--hash=sha256:{one}" for one in sorted(sums[:2]))
    text = hashed_requirements(wheels)
    assert text == f"airgap-oci[pkcs11,tuf]==1.0 \\\n    --hash=sha256:{sums[2]}\nb==2.0 \\\n    {both}\n"
    assert hashed_requirements(reversed(wheels)) == text


def test_nothing_that_is_handed_out_names_an_address(tmp_path: Path) -> None:
    for text in (hashed_requirements([wheel(tmp_path, OWN)]), install_text(NAMES)):
        assert not re.search(r"http|index.url|:/", text)


def test_the_install_line_uses_no_index() -> None:
    text = install_text(NAMES)
    line = f"pip install --no-index --find-links wheelhouse --require-hashes -r {NAMES.requirements}"
    assert line in text
    assert f"tar -xf {NAMES.wheelhouse}" in text


def test_wheels_of_one_version_are_unpacked_into_one_folder(tmp_path: Path) -> None:
    shared = {"b/__init__.py": "same"}
    wheels = [
        wheel(
            tmp_path / "w",
            f"b-2.0-cp3{minor}-cp3{minor}-linux_x86_64.whl",
            more={**shared, f"b/x.cpython-3{minor}.so": ""},
        )
        for minor in (11, 12)
    ]
    unpack(wheels, tmp_path / "site")
    found = {
        path.relative_to(tmp_path / "site").as_posix() for path in (tmp_path / "site").rglob("*.*") if path.is_file()
    }
    assert found == {"b/__init__.py", "b/x.cpython-311.so", "b/x.cpython-312.so"}


def test_documentation_of_wheels_is_left_out(tmp_path: Path) -> None:
    made = wheel(tmp_path / "w", "b-2.0-py3-none-any.whl", more={"b-2.0.data/data/share/doc/b/LICENSE": "x"})
    unpack([made], tmp_path / "site")
    assert not list((tmp_path / "site").rglob("LICENSE"))


@pytest.mark.parametrize(
    "name", ["../b.py", "/b.py", "C:/b.py", "a\\b.py", "b-2.0.data/scripts/b", "b-2.0.data/data/etc/b"]
)
def test_a_member_without_a_place_is_refused(tmp_path: Path, name: str) -> None:
    made = wheel(tmp_path / "w", "b-2.0-py3-none-any.whl", more={name: "x"})
    with pytest.raises(BuildError, match=r"b-2\.0-py3-none-any\.whl has"):
        unpack([made], tmp_path / "site")


def test_two_files_of_one_name_must_be_alike(tmp_path: Path) -> None:
    wheels = [wheel(tmp_path / "w", f"{name}-2.0-py3-none-any.whl", more={"same.py": name}) for name in "ab"]
    with pytest.raises(BuildError, match=r"has another same\.py"):
        unpack(wheels, tmp_path / "site")
