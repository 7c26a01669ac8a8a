"""Cases made after public reports, over the installed command; run where the set is available, beside this project.

Each has a `case.json` with the exit codes and the words that are right, and a `run.sh`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

CASES: Final = Path(__file__).resolve().parents[2].parent / "shared" / "field" / "verify"
COMMAND: Final = Path(sys.executable).with_name("airgap")
NAMES: Final = sorted(path.parent.name for path in CASES.glob("*/case.json"))


@pytest.mark.skipif(not CASES.is_dir(), reason="the field cases are not available")
@pytest.mark.parametrize("name", NAMES)
def test_a_reported_case_is_right(name: str, tmp_path: Path) -> None:
    wanted = json.loads((CASES / name / "case.json").read_text())
    folder = tmp_path / name
    shutil.copytree(CASES / name, folder)
    environment = {**os.environ, "AIRGAP": str(COMMAND), "NO_COLOR": "1"}
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    done = subprocess.run(
        [bash, str(folder / "run.sh")],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    text = done.stdout + done.stderr
    codes = [int(code) for code in re.findall(r"^exit (\d+)$", text, re.MULTILINE)]
    said = re.sub(r"^exit \d+$", "", text, flags=re.MULTILINE)
    assert codes, text
    assert codes[-1] in wanted["exit"], text
    for words in wanted["says"]:
        assert re.search(words, said, re.IGNORECASE), text
    for words in wanted["says_not"]:
        assert not re.search(words, text if words.startswith("exit") else said), text
    assert "Traceback" not in text
