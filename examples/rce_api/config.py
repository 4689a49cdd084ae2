"""Where does the reference service find what it needs, and what may be broken in it on purpose?"""

import os
from dataclasses import dataclass

SERVICE = "rce-api"
QUEUE = "deliveries"
PAGES = ("/", "/rooms/{room}")


@dataclass(frozen=True, slots=True)
class Config:
    """
    The service's own settings; those of `telemetry` are read beside them.

    ``redis_url`` brings jobs, ``mongodb_url`` keeps messages beyond a restart; both may be "". ``faults`` opens
    `/_faults`, where errors can be switched on. ``web_vitals`` is a file of the web-vitals library for the pages.
    """

    redis_url: str = ""
    mongodb_url: str = ""
    faults: bool = False
    web_vitals: str = ""

    @classmethod
    def read(cls) -> "Config":
        """Return the settings in the environment: REDIS_URL, MONGODB_URL, FAULTS=1, WEB_VITALS_FILE."""
        environ = os.environ
        return cls(
            environ.get("REDIS_URL", ""),
            environ.get("MONGODB_URL", ""),
            environ.get("FAULTS", "") == "1",
            environ.get("WEB_VITALS_FILE", ""),
        )
