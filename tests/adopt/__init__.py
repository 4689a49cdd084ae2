"""Edits made in Grafana, carried back to the code."""
