"""A machine whose clock says something else."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Self

import pytest


def set_clock(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    """Let every command that runs here read `moment` from the clock.

    The one place that reads it is changed: commands import `clock` by name, and one that is imported only while its
    name meant another function would keep that function for all tests after this one.
    """

    class Fixed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            there = moment.astimezone(tz)
            return cls.combine(there.date(), there.timetz())

    monkeypatch.setattr("airgap.cli.console.datetime", Fixed)
