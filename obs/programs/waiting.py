"""Has it happened yet? Every wait of the run has a condition, a deadline and words for when it does not come."""

import time
from collections.abc import Callable
from typing import TypeVar

import requests

T = TypeVar("T")

EVERY_SECONDS = 0.1


class NeverHappenedError(Exception):
    """A condition did not come true before its deadline; the message says which, how long, and what there was."""


def until(what: str, condition: Callable[[], T], *, within: float) -> T:
    """
    Ask until the answer is true, and return it; raise NeverHappenedError after ``within`` seconds.

    A server that does not answer yet has not said no.
    """
    deadline = time.monotonic() + within
    while True:
        reason = ""
        try:
            answer = condition()
        except requests.RequestException as error:
            reason = f": {type(error).__name__}"
        else:
            if answer:
                return answer
        if time.monotonic() > deadline:
            raise NeverHappenedError(f"{what} did not happen within {within:g} s{reason}")
        time.sleep(EVERY_SECONDS)
