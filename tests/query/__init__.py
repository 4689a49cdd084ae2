"""Queries are written, read and compared in one way."""
