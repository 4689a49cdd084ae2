"""How is a configuration written down? As YAML that a person can review, under a line saying where it comes from."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import yaml

ORIGIN = "Written by `obs build` from stack.toml: edit that, then run `make dashboards`."
"""The sentence that opens a written file."""


def document(content: Mapping[str, Any]) -> str:
    """Return ``content`` as YAML, in its own order, headed by the file to edit instead."""
    return lines(dump(content))


def dump(content: Mapping[str, Any]) -> str:
    """Return ``content``, whose keys are texts, as YAML, in its own order."""
    return "".join(_section(json.dumps({key: value})) for key, value in content.items()) or "{}\n"


@lru_cache(maxsize=1024)
def _section(content: str) -> str:
    """Write one key with what it holds, once: much of a configuration is that of every service."""
    return yaml.dump(json.loads(content), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def lines(*content: str) -> str:
    """Return flags or variables, one a line, headed alike."""
    return "".join(f"{line.rstrip()}\n" for line in (f"# {ORIGIN}", *content))


class _Dumper(yaml.SafeDumper):
    """YAML without anchors, lists indented below their key, and multi-line text as a block."""

    def ignore_aliases(self, data: Any) -> bool:
        """Repeat what occurs twice: a reviewer should not chase anchors."""
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists below their key."""
        del indentless
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)


_Dumper.add_representer(str, _text)
