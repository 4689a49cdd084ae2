"""Prints where the log configuration for servers is: `uvicorn --log-config $(python -m watchkeeper.logs)`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.stdout.write(f"{Path(__file__).with_name('config.json')}\n")
