"""How are findings shown: to a person in a terminal or a review, and to a program?"""

import shutil
from collections.abc import Sequence
from html import escape
from typing import Any

import click

from obs.markup import escaped, fenced
from obs.proofs.checks import CHECKS
from obs.proofs.finding import Fault, Finding

WHY = "says what that check demands, and why"
MARGIN = "    "
ELLIPSIS = "…"
STYLE = ":root { color-scheme: light dark; font: 1rem/1.5 system-ui } body { margin: 2rem auto; max-width: 70rem }\n"
REVIEW_COLUMNS = 100
"""Columns of an expression that a comment on GitHub shows without scrolling."""


def report(findings: Sequence[Finding]) -> None:
    """Print each finding with its place first and its check last, below it the line of the expression it is in."""
    for finding in findings:
        sentence = str(finding).removeprefix(finding.where)
        click.echo(click.style(finding.where, bold=True) + sentence + click.style(f"  [{finding.check}]", dim=True))
        if shown := pointed(finding.fault, shutil.get_terminal_size((120, 24)).columns):
            line, carets = shown
            click.echo(f"{MARGIN}{line}\n{MARGIN}" + click.style(carets, fg="red"))
    words = f"{len(findings)} problem{'s' * (len(findings) != 1)}"
    paged = {check.id for check in CHECKS}
    explained = next((f"; `obs check --explain {one.check}` {WHY}" for one in findings if one.check in paged), "")
    click.secho(words + explained, fg="red")


def as_markdown(findings: Sequence[Finding]) -> str:
    """Return findings as items of a list in GitHub's Markdown, each with the line of the expression it is in."""
    items = []
    for finding in findings:
        sentence = str(finding).removeprefix(finding.where)
        shown = pointed(finding.fault, REVIEW_COLUMNS)
        code = fenced(shown, "text") if shown else ""
        items.append(f"- **{escaped(finding.where)}**{escaped(sentence)} ({escaped(finding.check)})\n{code}")
    return "".join(items)


def as_html(findings: Sequence[Finding], title: str = "Checks") -> str:
    """Return findings as one page that needs no network and no script, each with the line of its expression."""
    items = []
    for finding in findings:
        sentence = str(finding).removeprefix(finding.where)
        shown = pointed(finding.fault, REVIEW_COLUMNS)
        code = f"<pre>{escape(chr(10).join(shown))}</pre>" if shown else ""
        items.append(
            f"<li><b>{escape(finding.where)}</b>{escape(sentence)} <code>{escape(finding.check)}</code>{code}</li>\n"
        )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}: {len(findings)}</title>\n<style>\n{STYLE}</style>\n"
        f"<h1>{escape(title)}</h1>\n<ul>\n{''.join(items)}</ul>\n</html>\n"
    )


def pointed(fault: Fault, width: int) -> tuple[str, str] | None:
    """Return the line of the expression with the guilty part, and carets below that; None where there is no part."""
    start = fault.expr.find(fault.part, fault.start) if fault.part else -1
    if start < 0:
        return None
    begin = fault.expr.rfind("\n", 0, start) + 1
    line = fault.expr[begin:].partition("\n")[0]
    start -= begin
    length = len(fault.part.partition("\n")[0])
    indent = len(line) - len(line.lstrip())
    line, start = line[indent:], start - indent
    room = max(width - len(MARGIN), length + 2 * len(ELLIPSIS))
    if len(line) > room:
        left = max(0, min(start - (room - length) // 2, len(line) - room + len(ELLIPSIS)))
        cut = line[left : left + room - 2 * len(ELLIPSIS)]
        before = ELLIPSIS if left else ""
        after = ELLIPSIS if left + len(cut) < len(line) else ""
        line, start = before + cut + after, start - left + len(before)
    return line, " " * start + "^" * min(length, len(line) - start)


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as a program reads them: place, check, what, instead, and the expression with its guilty part."""
    return [
        {
            "where": finding.where,
            "file": finding.fault.place.file,
            "line": finding.fault.place.line,
            "item": finding.fault.place.item,
            "check": finding.check,
            "what": finding.fault.what,
            "instead": finding.fault.instead,
            "expression": finding.fault.expr,
            "part": finding.fault.part,
            "offset": finding.fault.start,
        }
        for finding in findings
    ]
