"""What is this deployment: service, targets, promises, thresholds and addresses, read once from `stack.toml`."""

from stack.read import StackError, load, loads
from stack.settings import Stack

__all__ = ["Stack", "StackError", "load", "loads"]
