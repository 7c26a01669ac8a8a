"""Settings for the whole suite."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A slow machine is no failure. The same examples are drawn each time, so that the suite is never red by chance and a
# change is judged by itself. `AIRGAP_EXPLORE=1` draws new ones, to look for faults.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "same", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None
)
settings.load_profile("explore" if os.environ.get("AIRGAP_EXPLORE") else "same")
