"""How is a configuration written down? As YAML that a person can review, under a line saying where it comes from."""

from collections.abc import Mapping
from typing import Any

import yaml


def document(source: str, content: Mapping[str, Any]) -> str:
    """Return ``content`` as YAML, in its own order, headed by the Python file to change instead."""
    return lines(source, yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True))


def lines(source: str, *content: str) -> str:
    """Return flags or variables, one a line, headed alike."""
    return "".join(f"{line.rstrip()}\n" for line in (f"# {origin(source)}", *content))


def origin(source: str) -> str:
    """Return the sentence that opens a written file."""
    return f"Written by `obs build` from stack.toml; to change it, edit config/{source}."


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
