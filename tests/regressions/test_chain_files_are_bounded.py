"""Chain files without a size or an end, such as devices."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airgap.signature.key_files import KeyFileError, read_chain

pytestmark = pytest.mark.skipif(os.name != "posix", reason="devices")


def test_refuses_a_device_as_chain_file() -> None:
    with pytest.raises(KeyFileError, match="more than"):
        read_chain(Path("/dev/zero"))
