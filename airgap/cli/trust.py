"""`airgap trust`: the list of its commands, and nothing else. One module a command or group: `airgap.cli.trust_*`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from airgap.cli.lazy import Lazy, LazyGroup, typer_app


class TrustCommands(LazyGroup):
    """Everything about trust material, in the order in which a site is set up."""

    COMMANDS: ClassVar[Mapping[str, Lazy]] = {
        "init": Lazy("airgap.cli.trust_init", "Trust a publisher: certificate and policy, in five questions."),
        "cert": Lazy("airgap.cli.trust_cert", "Add, list, show and delete the certificates that are trusted."),
        "policy": Lazy("airgap.cli.trust_policy", "Write, import, show and check the trust policy."),
        "fetch": Lazy("airgap.cli.trust_fetch", "Fetch the CRLs and OCSP responses that signatures need."),
        "status": Lazy("airgap.cli.trust_status", "Show the evidence with its age, and what goes stale first."),
        "expiring": Lazy("airgap.cli.trust_expiring", "List what ends soon: evidence, certificates, signatures."),
        "snapshot": Lazy("airgap.cli.trust_snapshot", "Pack, sign, show, compare, verify and apply snapshots."),
        "pin": Lazy("airgap.cli.trust_pin", "Fix, list and remove who may sign snapshots."),
        "export": Lazy("airgap.cli.trust_export", "Write trust material for notation or containers."),
    }


app = typer_app("Trust material: stores, policy, evidence, snapshots, pins.", cls=TrustCommands, no_args_is_help=True)


@app.callback()
def trust() -> None:
    """Trust material: stores, policy, evidence, snapshots, pins."""
