"""What is this deployment: service, targets, promises, thresholds and addresses, read once from `stack.toml`."""

from obs.stack.names import whole
from obs.stack.read import StackError, load, loads
from obs.stack.settings import AbsentError, Stack

__all__ = ["AbsentError", "Stack", "StackError", "load", "loads", "whole"]
