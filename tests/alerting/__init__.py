"""Alerts, promises and cases refuse what would mislead, in words that say what they take."""
