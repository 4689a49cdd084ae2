"""Dashboards and rules, compared in words."""
