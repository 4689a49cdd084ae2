"""What does it cost, beside what others cost? `python -m benchmarks.request`, `.scrape` and `.load` print a table."""
