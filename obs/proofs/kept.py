"""Which answers were found out before, and how are they kept from growing without end?"""

import os
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 64 * 1024 * 1024
MOST_FILES = 20_000


@dataclass(frozen=True, slots=True)
class Kept:
    """
    Small answers below a folder, each a file named by the digest of all that it depends on.

    Nothing is wrong when one is lost: it is found out again. Whatever was not read for longest goes first.
    """

    folder: Path

    def read(self, digest: str) -> str:
        """Return an answer, empty where there is none."""
        file = self.folder / digest
        try:
            text = file.read_text(encoding="utf-8")
            os.utime(file)
        except OSError:
            return ""
        return text

    def write(self, digest: str, text: str) -> None:
        """Keep an answer whole or not at all, however it is interrupted; raise OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{digest}.{uuid.uuid4().hex}"
        try:
            part.write_text(text, encoding="utf-8")
            part.rename(self.folder / digest)
        finally:
            part.unlink(missing_ok=True)

    def trim(self, *, files: int = MOST_FILES, size: int = MOST_BYTES, now: float | None = None) -> None:
        """Delete what was not read for longest beyond so many files and bytes, and what an interruption left."""
        found = []
        for file in self.folder.glob("*") if self.folder.is_dir() else ():
            try:
                facts = file.stat()
            except OSError:
                continue  # another run deleted it meanwhile
            left_over = file.name.startswith(".") and (now or time.time()) - facts.st_mtime > 3600  # noqa: PLR2004
            if left_over:
                file.unlink(missing_ok=True)
            elif not file.name.startswith("."):
                found.append((facts.st_mtime, facts.st_size, file))
        room = size
        for number, (_, bytes_, file) in enumerate(sorted(found, reverse=True)):
            room -= bytes_
            if number >= files or room < 0:
                file.unlink(missing_ok=True)
