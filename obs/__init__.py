"""Observability as code: what proves, writes, compares and deploys the content of one service."""

__version__ = "0.1.0"
