"""The errors of requests to a registry.

All are `AirgapError` (exit code 1): nothing here is a verdict about content. A missing tag is `NotFoundError`, wrong
bytes are `ContentError`, as everywhere.

    AirgapError
    ├── TransportError        (a TransferError) no answer: refused, unknown host, TLS, timeout, cut off
    ├── AuthenticationError   401 or 403, or a token service that refuses
    └── RegistryError         an answer that says no, or breaks the specification
        ├── IncompleteError   a manifest names what is not there
        └── PreconditionError another writer changed the tag

Facts: `host`, and where there was an answer `method`, `url` (without its query, which may hold secrets),
`status` and `codes` (DIST-10).
"""

from __future__ import annotations

from collections.abc import Sequence

from airgap.errors import AirgapError, Cause, Fact, TransferError
from airgap.transfer.endpoint import IncompleteManifestError


class TransportError(TransferError):
    """The host gave no answer, or only a part of one. `host`, where it is known, is a fact as well."""

    def __init__(
        self,
        message: str,
        *,
        cause: Cause = Cause.OTHER,
        remedy: str = "",
        host: str | None = None,
        is_final: bool = False,
    ) -> None:
        super().__init__(message, cause=cause, remedy=remedy, **({} if host is None else {"host": host}))
        self.host: str | None = host
        self.is_final: bool = is_final
        """Whether the host was waited for long enough, so that it is not asked again."""


class AuthenticationError(AirgapError):
    """The registry or its token service refuses: no credentials, wrong ones, or not for this repository."""


class RegistryError(AirgapError):
    """The registry answered with an error or against the specification.

    `status`, `codes` (DIST-10) and `retry_after` (seconds) are those of its answer, where there was one; facts as well.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        codes: Sequence[str] = (),
        retry_after: float | None = None,
        remedy: str = "",
        **facts: Fact,
    ) -> None:
        answer: dict[str, Fact] = {} if status is None else {"status": status}
        if retry_after is not None:
            answer["retry_after"] = retry_after
        super().__init__(message, remedy=remedy, **facts, **answer, codes=list(codes))
        self.status: int | None = status
        self.codes: tuple[str, ...] = tuple(codes)
        self.retry_after: float | None = retry_after


class IncompleteError(RegistryError, IncompleteManifestError):
    """A registry that refuses an incomplete manifest. `facts["missing"]` lists what it named as missing."""


class PreconditionError(RegistryError):
    """If-Match did not hold: another writer changed the tag."""
