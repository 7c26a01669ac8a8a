"""The installed command, and `python -m airgap`."""

from __future__ import annotations

from airgap.cli import signals


def main() -> None:
    """Entry point of the installed command."""
    signals.leave_at_once()
    from airgap.cli.app import main as run  # loading it takes long enough to be interrupted

    run()


if __name__ == "__main__":
    main()
