"""What a command reads: lists of sources, artifacts of a layout or in a registry, and what of these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import airgap
from airgap.cli.console import LayoutOption, layout_reference

MechanismOption = Annotated[
    airgap.Mechanism | None, typer.Option(help="Force one way to ask a registry for referrers.")
]
PlatformOption = Annotated[
    list[str] | None,
    typer.Option(metavar="OS/ARCH", help="Only this platform of an index, whose bytes stay; repeatable."),
]
DigestTagsOption = Annotated[
    bool,
    typer.Option(
        "--digest-tags/--no-digest-tags", help="Look for cosign's .sig, .att and .sbom tags in registries, too."
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """Files with sources."""

    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Read sources from FILE, one a line; # starts a comment."),
    ] = None
    lock: Annotated[
        Path | None, typer.Option(metavar="FILE", help="As --file, but every source must have its digest.")
    ] = None
    lock_output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was resolved, with digests, for --lock.")
    ] = None

    @property
    def lists(self) -> list[Path]:
        """Files with sources."""
        return [path for path in (self.file, self.lock) if path is not None]


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
    distribution_spec: MechanismOption = None

    @property
    def reference(self) -> str:
        """Its reference."""
        return layout_reference(self.target, oci_layout=self.oci_layout)
