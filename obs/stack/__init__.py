"""What is this deployment: service, targets, promises, thresholds and addresses, read once from `stack.toml`."""

from obs.stack.read import StackError, load, loads
from obs.stack.settings import AbsentError, Stack, whole

__all__ = ["AbsentError", "Stack", "StackError", "load", "loads", "whole"]
