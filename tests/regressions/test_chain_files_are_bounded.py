"""Files that have no size and no end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airgap.signature.key_files import KeyFileError, read_chain

pytestmark = pytest.mark.skipif(os.name != "posix", reason="devices")


def test_a_chain_was_read_from_a_device_until_memory_was_full() -> None:
    with pytest.raises(KeyFileError, match="more than"):
        read_chain(Path("/dev/zero"))
