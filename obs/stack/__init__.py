"""What is this deployment: service, targets, promises, thresholds and addresses, read once from `stack.toml`."""

from obs.stack.read import StackError, load, loads
from obs.stack.settings import Stack

__all__ = ["Stack", "StackError", "load", "loads"]
