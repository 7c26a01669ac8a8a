"""Every error that this library raises, in one tree.

An error carries facts (`facts`, a flat mapping that goes into JSON reports unchanged), the sentence for a
person (`str(error)`), what to do (`remedy`) and the exit code that the command ends with. Nothing parses the
sentence.

    AirgapError                 1   could not do it
    ├── UsageError              2   the call itself makes no sense
    ├── NotFoundError          11   the named artifact is not there
    ├── UnsignedError          10   an artifact has no signature, and one is demanded
    ├── UntrustedError          -   what was judged is not good; has the exit code of the verdict
    ├── FormatError             1   bytes are not what they have to be; knows where
    │   └── LimitError          1   ... because they exceed a bound of airgap.limits
    ├── ContentError           16   content is missing, has another size or another digest
    ├── TrustMaterialError     18   a policy, a trust store, a bundle, a ledger or a receipt is malformed
    ├── TransferError           1   bytes cannot be moved; knows the cause
    ├── WorkerError             1   a process or machine that judges a part did not do it
    ├── NetworkForbiddenError   1   something tried to use the network while verifying
    ├── Rejected                -   a rule of the specification refuses this; has a reason code
    └── Undecided               -   there is too little evidence to tell; has a reason code
        └── Unchecked           -   ... because the algorithm of a signature, or the kind of its key, is not known here

`Rejected` and `Undecided` are verdicts, not accidents: checks raise them, and only the verifier's engine turns
them into findings (style: raise, never return a bool that may be ignored). The exit code of a verdict follows
from its reason code (airgap.reasons).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from airgap.reasons import REASONS, ExitCode

__all__ = [
    "AirgapError", "Cause", "ContentError", "FormatError", "LimitError", "NetworkForbiddenError", "NotFoundError",
    "Rejected", "TransferError", "TrustMaterialError", "Undecided", "UnsignedError", "UntrustedError", "UsageError",
    "WorkerError",
]  # fmt: skip

Fact = str | int | float | bool | None | list[str] | dict[str, str]


class AirgapError(Exception):
    """Something could not be done: the root of all errors of this library (exit code 1)."""

    reason: str | None = None
    """The reason code, if it has one."""

    @property
    def exit_code(self) -> int:
        """The exit code of a command that it ends: that of its reason code, if it has one."""
        return REASONS[self.reason].exit_code if self.reason else ExitCode.ERROR

    def __init__(self, message: str, *, remedy: str = "", **facts: Fact) -> None:
        super().__init__(message)
        self.remedy: str = remedy
        self.facts: Mapping[str, Fact] = facts

    @property
    def is_missing(self) -> bool:
        """Whether something is not there, and nothing else is wrong with it."""
        return False

    def __reduce__(self) -> tuple[object, ...]:
        """Errors cross processes: each class takes other arguments."""
        return _remade, (type(self), str(self)), self.__dict__


def _remade(kind: type[AirgapError], message: str) -> AirgapError:
    error = kind.__new__(kind)
    error.args = (message,)
    return error


class Cause(StrEnum):
    """Why bytes cannot be moved: the behaviour of a host, or of a medium."""

    REFUSED = "refused"
    DNS = "dns"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    RESET = "reset"
    PROXY = "proxy"
    REQUEST = "request"
    FULL = "full"
    READ_ONLY = "read_only"
    DENIED = "denied"
    TOO_LARGE = "too_large"
    GONE = "gone"
    OTHER = "other"


class TransferError(AirgapError):
    """Bytes cannot be moved, to or from a host or a medium. The fact `cause` is the same as the attribute."""

    def __init__(self, message: str, *, cause: Cause = Cause.OTHER, remedy: str = "", **facts: Fact) -> None:
        super().__init__(message, remedy=remedy, cause=cause.value, **facts)
        self.cause: Cause = cause


class UsageError(AirgapError):
    """The call itself makes no sense (exit code 2)."""

    exit_code = ExitCode.USAGE


class NotFoundError(AirgapError):
    """The named tag, digest or path does not exist (exit code 11)."""

    exit_code = ExitCode.NOT_FOUND

    @property
    def is_missing(self) -> bool:
        """True."""
        return True


class UnsignedError(AirgapError):
    """An artifact has no signature, and one is demanded (exit code 10)."""

    exit_code = ExitCode.UNSIGNED


class UntrustedError(AirgapError):
    """What was judged is not good, so something is not done with it (the exit code of the verdict)."""

    exit_code: int = ExitCode.ERROR

    def __init__(
        self, message: str, *, reason: str | None, exit_code: int | None = None, remedy: str = "", **facts: Fact
    ) -> None:
        """`exit_code`: by default that of the reason code."""
        super().__init__(message, remedy=remedy, **facts)
        self.reason: str | None = reason
        self.exit_code = super().exit_code if exit_code is None else exit_code


class FormatError(AirgapError):
    """Bytes are not what they have to be.

    `problem` says what is wrong; `where` is the path of members to it (`manifests[2].digest`), and `under` adds
    the outer part of the path; `line` is the line in the text, if the path does not lead to it.
    """

    def __init__(
        self, problem: str, *, where: str = "", remedy: str = "", line: int | None = None, **facts: Fact
    ) -> None:
        super().__init__(f"{where}: {problem}" if where else problem, remedy=remedy, **facts)
        self.problem: str = problem
        self.where: str = where
        self.line: int | None = line

    def under(self, parent: str) -> Self:
        """The same error, seen from one level further out."""
        joint = "" if not self.where or self.where.startswith("[") else "."
        where = f"{parent}{joint}{self.where}"
        return type(self)(self.problem, where=where, remedy=self.remedy, line=self.line, **self.facts)


class LimitError(FormatError):
    """Bytes, depth or count exceed a bound of airgap.limits: refused, never truncated."""


class ContentError(AirgapError):
    """Content is missing, or has another size or digest than its descriptor says (exit code 16).

    `reason` is one of the `content.*` codes of airgap.reasons.
    """

    def __init__(self, reason: str, message: str, *, remedy: str = "", **facts: Fact) -> None:
        super().__init__(message, remedy=remedy or REASONS[reason].remedy, **facts)
        self.reason: str = reason

    @property
    def is_missing(self) -> bool:
        """Whether the content is not there."""
        return self.reason == "content.missing"


class TrustMaterialError(AirgapError):
    """A trust policy, a trust store or a bundle is malformed (exit code 18).

    `reason` is one of the `policy.*`, `store.*` or `evidence.*` codes of airgap.reasons.
    """

    def __init__(self, reason: str, message: str, *, remedy: str = "", **facts: Fact) -> None:
        super().__init__(message, remedy=remedy or REASONS[reason].remedy, **facts)
        self.reason: str = reason

    @classmethod
    def of_file(cls, reason: str, source: str, error: FormatError, *, remedy: str = "") -> TrustMaterialError:
        """What is wrong with a file; `source` is its name, safe to show. The facts: `source`, `member`, `problem`."""
        facts: dict[str, Fact] = {"source": source, "member": error.where, "problem": error.problem}
        return TrustMaterialError(reason, f"{source}: {error}", remedy=remedy, **facts)


class WorkerError(AirgapError):
    """A process or a machine that judges a part of the artifacts did not do it: there is no outcome."""


class NetworkForbiddenError(AirgapError):
    """Something tried to use the network while the no-network guard was up."""


class _Verdict(AirgapError):  # noqa: N818 - verdicts, not accidents
    def __init__(self, reason: str, message: str, **facts: Fact) -> None:
        super().__init__(message, remedy=REASONS[reason].remedy, **facts)
        self.reason: str = reason

    def advising(self, remedy: str) -> Self:
        """The same verdict with a remedy of its own instead of that of the reason code; "" changes nothing."""
        self.remedy = remedy or self.remedy
        return self


class Rejected(_Verdict):
    """A rule refuses this. `reason` is a code of airgap.reasons."""


class UncheckedIssuer(Rejected):
    """The same of a certificate, whose signature cannot be checked here (`Unchecked`): it may be genuine."""


class Undecided(_Verdict):
    """There is too little evidence to tell. `reason` is a code of airgap.reasons."""


class Unchecked(Undecided):
    """The same, because it is not known here whether something is genuine: it may be.

    For example, the algorithm of its signature or the kind of its key is not known.
    """
