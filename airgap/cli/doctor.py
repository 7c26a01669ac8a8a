"""`airgap doctor`."""

from __future__ import annotations

import os
import sys

import airgap.report
from airgap.cli.command import command
from airgap.cli.connection_options import RegistryConfigOption
from airgap.cli.console import QuietOutput, clock, clock_reading, home
from airgap.cli.judging_options import TrustOption
from airgap.cli.lazy import typer_app
from airgap.cli.ledger_options import LedgerOption, ledger_path
from airgap.cli.plugin_options import plugin_directory
from airgap.errors import AirgapError

app = typer_app()


@command(app)
def doctor(
    *,
    trust: TrustOption = None,
    ledger: LedgerOption = None,
    registry_config: RegistryConfigOption = None,
    output: QuietOutput,
) -> None:
    """Look at this installation and this machine, and say what does not work, and what to do.

    Versions, clock, terminal, room, trust directory, kept credentials (none is used), proxies, plugins (none is run)
    and ledger. Nothing is changed, and no network is used.

    Exit codes: 0 nothing is wrong (notes may be there), 1 something does not work.
    """
    now, clock_problem = clock_reading(), None
    try:
        clock()
    except AirgapError as error:
        clock_problem = error
    request = airgap.DoctorRequest(
        clock=now,
        clock_problem=clock_problem,
        environment=os.environ,
        home=home(),
        trust=trust,
        ledger=ledger_path(ledger),
        plugins=plugin_directory(),
        credentials=airgap.Credentials(environment=os.environ, explicit_file=registry_config),
        encoding=sys.stdout.encoding or "utf-8",
    )
    with airgap.no_network():
        examination = airgap.doctor(request)
    output.finish(airgap.report.DoctorReport(examination))
