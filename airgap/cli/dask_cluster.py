"""The workers of a Dask cluster, as an executor (the extra `dask`). Dask schedules, tries again and moves the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

from airgap.errors import UsageError, WorkerError
from airgap.text import safe

_SECONDS: Final = 30
"""How long a scheduler and its first worker are waited for."""


class DaskExecutor(Executor):
    """The executor of a Dask client, which brings what is shared to each worker once."""

    def __init__(self, client: Any) -> None:
        self._client = client
        # not pure: else Dask gives what another run got for the same arguments
        self._executor: Executor = client.get_executor(pure=False)

    def share(self, value: bytes) -> object:
        """See `airgap.verifier.slices.SharingExecutor`."""
        # a task, which Dask can do again: what is scattered is lost with the worker that has it, and awaited for ever
        kept: object = self._client.submit(bytes, value, pure=False)
        return kept

    def submit(self, fn: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """See `Executor`."""
        return self._executor.submit(fn, *arguments, **named)


@contextmanager
def connected(address: str) -> Iterator[DaskExecutor]:
    """The workers of the scheduler at `address`. Raises UsageError, WorkerError."""
    try:
        distributed: Any = import_module("distributed")  # an extra, whose types are there only with it
    except ImportError:
        raise UsageError(
            "--dask needs the package distributed", remedy="Install it: pip install 'airgap-oci[dask]'."
        ) from None
    try:
        client = distributed.Client(address, timeout=_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise WorkerError(
            f"no Dask scheduler answers at {safe(address)}: {safe(error, limit=200)}",
            remedy="Start one (dask scheduler), and name it as it does: tcp://host:8786.",
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_SECONDS)
        except TimeoutError:
            raise WorkerError(
                f"the Dask scheduler at {safe(address)} has no worker",
                remedy="Start some (dask worker ADDRESS), each with the same version of airgap.",
            ) from None
        yield DaskExecutor(client)
