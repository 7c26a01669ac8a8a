"""What a command shows that only reads: artifacts of a layout, or one in a registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

import airgap
from airgap.cli.console import LayoutOption, layout_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTarget:
    """The reference of the command, and how a registry is asked for referrers."""

    target: Annotated[
        str,
        typer.Argument(
            metavar="REF",
            help="registry/repo:tag, registry/repo@sha256:..., or a layout directory or tar, with :TAG or @DIGEST for "
            "one artifact.",
        ),
    ]
    oci_layout: LayoutOption = False
    distribution_spec: Annotated[
        airgap.Mechanism | None, typer.Option(help="Force one way to ask a registry for referrers.")
    ] = None

    @property
    def reference(self) -> str:
        """Its reference."""
        return layout_reference(self.target, oci_layout=self.oci_layout)
