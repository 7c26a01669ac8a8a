"""`airgap timestamp`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from airgap.cli.connection import (
    RETRIES,
    CaFileOption,
    CertFileOption,
    Connection,
    InsecureOption,
    KeyFileOption,
    PlainHttpOption,
    RegistryConfigOption,
    RetriesOption,
)
from airgap.cli.console import (
    DebugOption,
    Format,
    FormatOption,
    LayoutOption,
    NoTtyOption,
    QuietOption,
    boundary,
    layout_reference,
    note,
    style,
    write,
    write_json,
)
from airgap.cli.lazy import typer_app
from airgap.cli.signing import (
    ForceReferrersTagOption,
    InsecureRegistryOption,
    PasswordOption,
    TimestampRootOption,
    TimestampUrlOption,
    UsernameOption,
    credentials,
    timestamper,
)
from airgap.errors import AirgapError, FormatError, UsageError

if TYPE_CHECKING:
    from airgap.oci.digest import Digest
    from airgap.signature.results import StampedSignature

app = typer_app("Timestamp signatures that exist.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Timestamp signatures that exist, before their certificates expire."""


@app.command()
def add(
    reference: Annotated[str, typer.Argument(metavar="REF", help="The signed artifact: registry, layout, layout tar.")],
    timestamp_url: TimestampUrlOption = None,
    timestamp_root_cert: TimestampRootOption = None,
    signature: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Only the signature with this manifest. Default: all.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Stamp signatures that have a timestamp, too.")] = False,
    force_referrers_tag: ForceReferrersTagOption = False,
    oci_layout: LayoutOption = False,
    username: UsernameOption = None,
    password: PasswordOption = None,
    plain_http: PlainHttpOption = False,
    insecure_registry: InsecureRegistryOption = False,
    insecure: InsecureOption = False,
    ca_file: CaFileOption = None,
    cert_file: CertFileOption = None,
    key_file: KeyFileOption = None,
    registry_config: RegistryConfigOption = None,
    retries: RetriesOption = RETRIES,
    output: FormatOption = Format.TEXT,
    quiet: QuietOption = False,
    no_tty: NoTtyOption = False,
    debug: DebugOption = False,
) -> None:
    """Attach timestamped copies of an artifact's signatures.

    What is signed stays as it is. The copy is another envelope under another signature manifest; the signature
    without the timestamp stays attached beside it.

    Exit codes: 0 done, or nothing to do, 1 could not, 2 usage, 11 no such artifact or signature, 16 content wrong.
    """
    with boundary(debug=debug):
        from airgap.report.signing import stamped_document, stamped_text
        from airgap.stages.timestamp import TimestampRequest, add_timestamps

        connection = Connection(
            plain_http=plain_http or insecure_registry,
            insecure=insecure,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
            registry_config=registry_config,
            retries=retries,
        )
        transport = connection.transport(partial(note, quiet=quiet))
        authority = timestamper(timestamp_url, timestamp_root_cert, transport)
        if authority is None:
            raise UsageError("name the timestamping authority with --timestamp-url and --timestamp-root-cert")
        request = TimestampRequest(
            target=layout_reference(reference, oci_layout=oci_layout),
            timestamper=authority,
            signature=_digest(signature),
            force=force,
            referrers_tag=force_referrers_tag,
        )
        done: list[StampedSignature] = []

        def attached(item: StampedSignature) -> None:
            done.append(item)
            if output is Format.TEXT:
                write(stamped_text(item, style=style(no_tty=no_tty)))

        try:
            add_timestamps(
                request,
                transport=transport,
                credentials=credentials(username, password, registry_config),
                attached=attached,
            )
        except AirgapError as error:
            if output is Format.JSON:
                write_json(stamped_document(done, error))
            raise
        if output is Format.JSON:
            write_json(stamped_document(done))


def _digest(text: str | None) -> Digest | None:
    from airgap.oci.digest import Digest

    try:
        return None if text is None else Digest.parse(text)
    except FormatError as error:
        raise UsageError(f"--signature: {error}") from None
