"""`airgap trust status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from airgap.cli.command import command
from airgap.cli.console import QuietOutput, VerboseOption, clock, write, write_json
from airgap.cli.lazy import typer_app
from airgap.cli.trust_common import Judging

if TYPE_CHECKING:
    from airgap.trust.directory import TrustDirectory

app = typer_app()


@command(app)
def status(
    *,
    judging: Judging,
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """Show each piece of evidence with its age, when it goes stale, and which one is the first to.

    What a newer piece replaces does not count. To know whether a given bundle will verify on a day, rehearse with
    airgap verify --at. Exit codes: 0 all that counts is fresh, 15 some is stale or missing, 18 malformed.
    """
    from airgap import __version__
    from airgap.guard import no_network
    from airgap.reasons import ExitCode
    from airgap.report.trusting import status_document, status_headline, status_text
    from airgap.trust.directory import TrustDirectory
    from airgap.trust.status import trust_status

    now = clock()
    with no_network():
        directory = TrustDirectory.open(judging.location()).accepting(judging.ages())
        found = trust_status(directory, at=judging.moment(now), clock=now, problems=_problems(directory))
    if output.is_json:
        write_json(status_document(found, version=__version__))
    elif output.quiet:
        write(status_headline(found) + "\n")
    else:
        write(status_text(found, style=output.style, verbose=verbose))
    if found.problems:
        raise typer.Exit(ExitCode.MALFORMED)
    raise typer.Exit(ExitCode.OK if found.is_good else ExitCode.INDETERMINATE)


def _problems(directory: TrustDirectory) -> list[str]:
    """What would stop every verification: the policy, and stores that it names."""
    from airgap.errors import TrustMaterialError
    from airgap.trust.stores import load_store

    problems: list[str] = []
    try:
        policy = directory.policy()
    except TrustMaterialError as error:
        return [str(error)]
    for ref in dict.fromkeys(store for statement in policy.statements for store in statement.stores):
        try:
            load_store(directory.path, ref)
        except TrustMaterialError as error:
            problems.append(str(error))
    return problems
