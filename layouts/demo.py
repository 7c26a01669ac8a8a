"""Verify every shipped layout and show what airgap says: one pass, and each failure with its reason.

Run by `make demo`. It ends with an error where a verdict is not the one that layouts/expected.json names.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run the installed command on each layout; the number of surprises is the exit code."""
    expected = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
    surprises = 0
    for case in expected:
        command = ["airgap", "verify", *case["arguments"]]
        print(f"\n$ {' '.join(command)}", flush=True)
        exit_code = subprocess.run([sys.executable, "-m", *command], cwd=HERE.parent, check=False).returncode
        print(f"(exit code {exit_code}: {case['about']})", flush=True)
        if exit_code != case["exit_code"]:
            print(f"SURPRISE: expected exit code {case['exit_code']}", flush=True)
            surprises += 1
    return min(surprises, 1)


if __name__ == "__main__":
    sys.exit(main())
