"""How do changes read in a terminal?"""

import re
from collections.abc import Iterator, Sequence

import click

from obs.diff.change import Action, ObjectChange, Sentence
from obs.diff.lines import changed_lines
from obs.diff.wording import headline, layout_note, noun, subjects, tally, told

SIGNS: dict[Action, tuple[str, str]] = {
    "create": ("+", "green"),
    "update": ("~", "yellow"),
    "delete": ("-", "red"),
    "skipped": (" ", "white"),
    "unread": ("!", "red"),
}
COLOURS = {"-": "red", "+": "green", " ": None}


def render_terminal(changes: Sequence[ObjectChange]) -> str:
    """Say what changed, object by object, ending with a count; unchanged objects are only counted.

    Coloured: print it with `click.echo`, which drops colour where no terminal reads it.
    """
    lines = [line for change in changes if change.action != "unchanged" for line in _object(change)]
    return "\n".join([*lines, tally(changes)])


def _object(change: ObjectChange) -> Iterator[str]:
    sign, colour = SIGNS[change.action]
    named = _inert(f'{noun(change)} "{change.title or change.uid}"')
    uid = _inert(f" ({change.uid})" if change.uid != change.title else "")
    yield click.style(f"{sign} {named}", fg=colour, bold=True) + click.style(uid, dim=True)
    for names, sentences in subjects(change.sentences):
        yield f"    {click.style(_inert(headline(change, *names)), bold=True)}: {_inert(told(sentences))}"
        yield from _code(sentences)
    if note := layout_note(change):
        yield click.style(f"    {note} (hidden)", dim=True)


def _code(sentences: Sequence[Sentence]) -> Iterator[str]:
    for sentence in sentences:
        for line in changed_lines(sentence.before, sentence.after):
            yield click.style(f"      {line.sign} {_inert(line.text)}", fg=COLOURS[line.sign])
            if line.carets:
                yield click.style(f"        {line.carets}", fg=COLOURS[line.sign])


def _inert(text: str) -> str:
    """Replace what a terminal obeys instead of showing: escape sequences, line breaks, changes of direction."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "\ufffd", text)
