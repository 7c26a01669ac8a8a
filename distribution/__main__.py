"""`python -m distribution`: see `make dist`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from distribution.audit import audit, check_audited
from distribution.build import Request, build
from distribution.check import check
from distribution.empty_root import without_network
from distribution.tools import BuildError

ROOT: Final = Path(__file__).resolve().parents[1]


def main() -> int:
    """Exit code 0 where everything was made, or tried, and is as it should be."""
    parser = argparse.ArgumentParser(prog="python -m distribution", description="Build what is handed to others.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="try what was built, without network")
    what.add_argument("--audit", action="store_true", help="look for known faults of the locked versions")
    what.add_argument("--check-here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--allow-changes", action="store_true", help="build although files are not committed")
    parser.add_argument("--sign-key", metavar="NAME", help="sign with this key of `airgap key list`")
    options = parser.parse_args()
    try:
        if options.check:
            without_network([sys.executable, "-m", "distribution", "--check-here"])
        elif options.audit:
            _tell(check_audited(audit(ROOT / "constraints.txt")))
        elif options.check_here:
            check(ROOT, _tell)
        else:
            _build(options)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _build(options: argparse.Namespace) -> None:
    build(Request(root=ROOT, variables=os.environ, changed=options.allow_changes, sign_key=options.sign_key), _tell)
    for path in sorted((ROOT / "dist").iterdir()):
        print(f"{path.stat().st_size / 2**20:8.1f} MiB  {path.name}")


def _tell(what: str) -> None:
    print(f"- {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
