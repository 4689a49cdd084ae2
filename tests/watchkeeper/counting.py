"""A worker without a web server: counts a thousand times a second until it is stopped, and tells what it counted."""

import os
import signal
import sys
import time

from watchkeeper.contract.metrics import REQUESTS
from watchkeeper.recorder import Recorder
from watchkeeper.store.redis import RedisStore


def main() -> None:
    """Print the count and the time of every update; stop cleanly on SIGTERM."""
    recorder = Recorder(store=RedisStore(os.environ["REDIS_URL"], "chat"), interval=float(os.environ["INTERVAL"]))
    recorder.start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for number in range(1, 1_000_000):
        recorder.add(REQUESTS, ("GET", "/", "200"))
        sys.stdout.write(f"{number} {time.monotonic()}\n")
        sys.stdout.flush()
        time.sleep(0.001)


if __name__ == "__main__":
    main()
