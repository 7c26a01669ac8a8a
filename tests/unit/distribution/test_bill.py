"""The SBOM lists every wheel with its sum, and what only the executables have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distribution.bill import completed, executable_parts
from distribution.sums import sha256
from distribution.tools import BuildError
from distribution.wheels import Wheel

OWN = {"name": "airgap-oci", "bom-ref": "root"}


@pytest.fixture
def wheels(tmp_path: Path) -> list[Wheel]:
    names = (
        "airgap_oci-1.0-py3-none-any.whl",
        "Typing_Ext-1.0-cp311-none-any.whl",
        "Typing_Ext-1.0-cp312-none-any.whl",
    )
    for name in names:
        (tmp_path / name).write_text(name)
    return [Wheel.at(tmp_path / name) for name in names]


def bill(*names: str) -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "metadata": {"component": dict(OWN)},
        "components": [{"name": name, "bom-ref": name} for name in names],
        "dependencies": [{"ref": "root", "dependsOn": [*names]}, *({"ref": name} for name in names)],
    }


def test_each_component_has_the_sums_of_its_wheels(wheels: list[Wheel]) -> None:
    done = completed(bill("typing_ext"), wheels, ())
    stated = {(entry["name"], entry["value"]) for entry in done["components"][0]["properties"]}
    assert stated == {(f"airgap:sha256:{wheel.path.name}", sha256(wheel.path)) for wheel in wheels[1:]}
    assert done["metadata"]["component"]["properties"][0]["value"] == sha256(wheels[0].path)


def test_a_wheel_that_the_bill_lacks_is_an_error(wheels: list[Wheel]) -> None:
    with pytest.raises(BuildError, match="the SBOM lacks typing-ext"):
        completed(bill(), wheels, ())


def test_what_belongs_to_the_environment_alone_is_taken_out(wheels: list[Wheel]) -> None:
    done = completed(bill("typing_ext", "pip"), wheels, [{"name": "python"}])
    assert [one["name"] for one in done["components"]] == ["typing_ext", "python"]
    assert done["dependencies"] == [
        {"ref": "root", "dependsOn": ["typing_ext"]},
        {"ref": "typing_ext", "dependsOn": []},
    ]


def test_the_executable_has_python_and_libraries_of_the_system() -> None:
    parts = executable_parts(["libz.so.1", "python3.11/lib-dynload/_ssl.so", "libz.so.1"])
    assert [one["name"] for one in parts] == ["python", "openssl", "sqlite", "libz.so.1"]
    assert all(one["version"][0].isdigit() for one in parts[:3])
