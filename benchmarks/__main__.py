"""Run every benchmark: `python -m benchmarks [NAME...]`. Each prints ratios measured within one run."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    here = Path(__file__).parent
    names = sys.argv[1:] or sorted(path.stem for path in here.glob("*.py") if path.stem not in {"__main__", "measure"})
    for name in names:
        print(f"== {name}")
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":  # workers of a cluster import it
    main()
