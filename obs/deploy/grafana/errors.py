"""In which ways can talking to Grafana fail, and what does each leave open?

DeployError
├── Unusable        no answer that could be Grafana's: wrong address, TLS, redirect, web page, time limit
├── Refused         Grafana said no and would say it again
│   ├── Missing     404
│   └── Conflict    409 or 412: what we wanted to change is not as we knew it
├── Lost            a write was sent and no answer tells whether it was applied
├── Edited          somebody else changed the object; nothing of theirs was overwritten
├── Busy            another push holds the right to write
├── NotAsSent       what reads back is not what was written
└── Interrupted     Ctrl-C or SIGTERM
"""

import contextlib
from collections.abc import Iterator


class DeployError(Exception):
    """A deployment could not go on; the message says what, where and what to do."""


class Unusable(DeployError):  # noqa: N818  the tree above reads as sentences; "Error" seven times would not
    """No answer came that could be Grafana's."""


class Refused(DeployError):  # noqa: N818  as above
    """Grafana refused; repeating the request would not help."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Missing(Refused):
    """The object is not there (404)."""


class Conflict(Refused):
    """The object is not in the state we knew (409, 412)."""


class Lost(DeployError):  # noqa: N818  as above
    """A write was sent, and whether it was applied is unknown."""


class Edited(DeployError):  # noqa: N818  as above
    """Somebody else changed the object meanwhile."""


class Busy(DeployError):  # noqa: N818  as above
    """Another push is under way."""


class NotAsSent(DeployError):  # noqa: N818  as above
    """The object reads back differently from what was written."""


class Interrupted(DeployError):  # noqa: N818  as above
    """The user or the system asked this process to stop."""


@contextlib.contextmanager
def understood(where: str) -> Iterator[None]:
    """Turn what breaks on an answer of unexpected shape, such as another program's JSON, into Unusable."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Unusable(f"{where}: an answer has a shape Grafana's do not have ({error!r}); is it Grafana?") from error
