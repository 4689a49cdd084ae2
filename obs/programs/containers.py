"""What would Docker's json-file log driver write for a program that runs outside of Docker?"""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

COMPOSE_LABEL = "com.docker.compose.service"
"""The label compose gives a container, and `labels:` of the log driver puts into every line."""


class JsonFile:
    """
    One container's log: `FOLDER/NAME/NAME-json.log`, a JSON object a line, there before the first line is written.

    The format: https://docs.docker.com/engine/logging/drivers/json-file/.
    """

    def __init__(self, folder: Path, service: str) -> None:
        self.path = folder / service / f"{service}-json.log"
        self.path.parent.mkdir(parents=True)
        self.path.touch()
        self._service = service
        self._lock = threading.Lock()

    def write(self, line: bytes) -> None:
        """Write one line as Docker would have; a line may be any bytes."""
        entry = {
            "log": line.decode(errors="replace"),
            "stream": "stdout",
            "attrs": {COMPOSE_LABEL: self._service},
            "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
