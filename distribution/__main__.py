"""`python -m distribution`: see `make dist`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from distribution.build import Request, build
from distribution.tools import BuildError

ROOT: Final = Path(__file__).resolve().parents[1]


def main() -> int:
    """Exit code 0 where everything was made and is as it should be."""
    parser = argparse.ArgumentParser(prog="python -m distribution", description="Build what is handed to others.")
    parser.add_argument("--allow-changes", action="store_true", help="build although files are not committed")
    parser.add_argument("--sign-key", metavar="NAME", help="sign with this key of `airgap key list`")
    options = parser.parse_args()
    try:
        build(Request(root=ROOT, variables=os.environ, changed=options.allow_changes, sign_key=options.sign_key), _tell)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in sorted((ROOT / "dist").iterdir()):
        print(f"{path.stat().st_size / 2**20:8.1f} MiB  {path.name}")
    return 0


def _tell(what: str) -> None:
    print(f"- {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
