"""`airgap sign`."""

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
    clock,
    key_values,
    layout_reference,
    note,
    style,
    write,
    write_json,
)
from airgap.cli.lazy import typer_app
from airgap.cli.signer import (
    ChainOption,
    KeyChoice,
    KeyOption,
    PluginIdOption,
    PluginOption,
    PrivateKeyOption,
    SignPluginConfigOption,
)
from airgap.cli.signing import (
    EnvelopeFormat,
    ForceReferrersTagOption,
    InsecureRegistryOption,
    KeyConfigOption,
    PassPhraseOption,
    PasswordOption,
    TimestampRootOption,
    TimestampUrlOption,
    UsernameOption,
    credentials,
    lifetime,
    timestamper,
)
from airgap.errors import AirgapError

if TYPE_CHECKING:
    from airgap.signature.results import SignedArtifact

app = typer_app()


@app.command()
def sign(
    references: Annotated[
        list[str],
        typer.Argument(
            metavar="REF...",
            help="registry/repo:tag, better registry/repo@sha256:..., or a layout directory or tar with :TAG or "
            "@DIGEST.",
        ),
    ],
    key: KeyOption = None,
    private_key: PrivateKeyOption = None,
    chain: ChainOption = None,
    plugin: PluginOption = None,
    plugin_id: PluginIdOption = None,
    plugin_config: SignPluginConfigOption = None,
    signature_format: Annotated[EnvelopeFormat, typer.Option(help="Format of the envelope.")] = EnvelopeFormat.JWS,
    expiry: Annotated[
        str | None,
        typer.Option("--expiry", "-e", metavar="DURATION", help="How long the signature counts: 24h, 1h30m."),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--user-metadata", "-m", metavar="KEY=VALUE", help="Sign this metadata, too; repeatable."),
    ] = None,
    timestamp_url: TimestampUrlOption = None,
    timestamp_root_cert: TimestampRootOption = None,
    force: Annotated[bool, typer.Option("--force", help="Sign even where an equal signature is attached.")] = False,
    config_type: Annotated[
        bool,
        typer.Option(
            "--config-type",
            help="Say in the config what the signature is, for registries that know no artifact types (OCI 1.0).",
        ),
    ] = False,
    force_referrers_tag: ForceReferrersTagOption = False,
    key_config: KeyConfigOption = None,
    passphrase_file: PassPhraseOption = None,
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
    """Sign artifacts in a registry, a layout directory or a layout tar, and attach the signatures.

    The signature is verified before it is attached; where anything fails, nothing is attached. An artifact that has
    an equal signature (same signer, metadata and format, not expired) is left alone unless --force is given.

    Exit codes: 0 signed, or an equal signature is there, 1 could not, 2 usage, 11 not found, 16 content wrong.
    """
    with boundary(debug=debug):
        from airgap.report.signing import signed_document, signed_text
        from airgap.stages.sign import SignRequest
        from airgap.stages.sign import sign as run

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
        request = SignRequest(
            targets=[layout_reference(text, oci_layout=oci_layout) for text in references],
            signer=KeyChoice(
                name=key,
                private_key=private_key,
                chain=chain,
                plugin=plugin,
                plugin_id=plugin_id,
                plugin_config=plugin_config,
                key_config=key_config,
                passphrase_file=passphrase_file,
            ).open(),
            at=clock(),
            envelope=signature_format.value,
            lifetime=lifetime(expiry),
            metadata=key_values(metadata or [], "--user-metadata"),
            timestamper=timestamper(timestamp_url, timestamp_root_cert, transport),
            form="config" if config_type else "artifactType",
            referrers_tag=force_referrers_tag,
            force=force,
        )
        done: list[SignedArtifact] = []

        def attached(item: SignedArtifact) -> None:
            done.append(item)
            for warning in item.warnings:
                note(f"Warning: {warning}", quiet=quiet)
            if output is Format.TEXT:
                write(signed_text(item, style=style(no_tty=no_tty)))

        try:
            run(
                request,
                transport=transport,
                credentials=credentials(username, password, registry_config),
                attached=attached,
            )
        except AirgapError as error:
            if output is Format.JSON:
                write_json(signed_document(done, error))
            raise
        if output is Format.JSON:
            write_json(signed_document(done))
