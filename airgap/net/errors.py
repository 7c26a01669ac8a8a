"""What can go wrong between here and a registry.

All are `AirgapError` (exit code 1): nothing here is a verdict about content. A missing tag is `NotFoundError`, wrong
bytes are `ContentError`, as everywhere.

    AirgapError
    ├── TransportError        no answer: refused, unknown host, TLS, timeout, cut off
    ├── AuthenticationError   401 or 403, or a token service that refuses
    └── RegistryError         an answer that says no, or breaks the specification
        ├── IncompleteError   a manifest names what is not there
        └── PreconditionError somebody else wrote the tag

Facts: `host`, and where there was an answer `method`, `url` (without its query, which may hold secrets),
`status` and `codes` (DIST-10).
"""

from __future__ import annotations

from airgap.errors import AirgapError


class TransportError(AirgapError):
    """The host gave no answer. The fact `cause` is refused, dns, tls, timeout, reset, proxy or request."""


class AuthenticationError(AirgapError):
    """The registry or its token service refuses: no credentials, wrong ones, or not for this repository."""


class RegistryError(AirgapError):
    """The registry answered with an error or against the specification."""


class IncompleteError(RegistryError):
    """The registry refuses a manifest because content that it names is not there. `facts["missing"]` lists it."""


class PreconditionError(RegistryError):
    """If-Match did not hold: somebody else wrote the tag."""
