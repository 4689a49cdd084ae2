"""Dashboards, drawn."""
