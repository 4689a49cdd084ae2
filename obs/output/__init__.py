"""What does this repository make of one stack, and how does it reach the disk, all of it or nothing?"""

from obs.output.built import Built, File, build, made_by
from obs.output.kubernetes import in_kubernetes
from obs.output.write import FileChange, OutputError, Staging, changes

__all__ = ["Built", "File", "FileChange", "OutputError", "Staging", "build", "changes", "in_kubernetes", "made_by"]
