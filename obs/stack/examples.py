"""Which addresses are examples, and would lead a person who is paged nowhere?"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from obs.stack.settings import Stack

NOWHERE = re.compile(
    r"(.*\.)?(example|invalid|test)(\.(com|org|net))?|localhost|127\..*|0\.0\.0\.0|host\.docker\.internal"
)
"""Names kept for examples (https://www.rfc-editor.org/rfc/rfc2606), and those of the machine that a reader sits at."""


def examples(stack: Stack) -> Iterator[str]:
    """Yield a sentence, opening with its key, for each address that people are sent to and that leads nowhere."""
    links = {
        "runbooks.base_url": stack.runbooks.base_url,
        "grafana.url": stack.grafana.url,
        "alertmanager.url": stack.alertmanager.url,
        "prometheus.url": stack.prometheus.url,
    }
    for key, url in links.items():
        parts = urlsplit(url)
        if (parts.hostname and NOWHERE.fullmatch(parts.hostname)) or parts.path.startswith("/example/"):
            yield f"{key} = {url!r}: an example; who is paged by a link to it finds nothing there"
