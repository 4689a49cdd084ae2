"""What does a page need to report its web vitals?"""

from pathlib import Path

SNIPPET = Path(__file__).with_name("browser.js")
"""The script to load after the web-vitals library (its `iife` build); it sends to `/api/ux/vitals`."""
