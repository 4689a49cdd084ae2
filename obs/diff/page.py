"""How do changes look on a page, panel beside panel?"""

import base64
from collections.abc import Container, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from obs.diff.change import ObjectChange, Sentence, Tile, Verb
from obs.diff.lines import Line, sides
from obs.diff.wording import ACTIONS, layout_note, noun, subjects, tally, told

STYLE = Path(__file__).with_name("page.css")
SHAPES: dict[Verb, str] = {"added": "+", "removed": "−", "changed": "~", "renamed": "~", "moved": "→"}  # noqa: RUF001 - a sign
LEGEND = "".join(f'<span class="verb {verb}">{SHAPES[verb]} {verb}</span>' for verb in SHAPES if verb != "renamed")
OPEN = 10  # changed objects up to which every dashboard's picture is unfolded
ROW_LINES = 3  # a row's title needs more height on the page than the one grid unit it has in Grafana


Pictures = Mapping[int | str, bytes]
"""A PNG of each panel of one dashboard that was drawn, by its id."""

Drawn = Mapping[str, tuple[Pictures, Pictures]]
"""Of each dashboard, by its uid: what was drawn of it before and after the change, over the same data."""


def render_html(
    changes: Sequence[ObjectChange], *, title: str = "Dashboards and rules", drawn: Drawn | None = None
) -> str:
    """Draw the changes on one self-contained page: sentences, queries side by side, and each dashboard's grid twice.

    Beside the words about a panel stand its pictures, where it was ``drawn``. A tile says in a word and a sign what
    became of its panel and leads to the sentences that tell it; grids fold.
    Needs no network and no script, follows the reader's light or dark theme, and prints.
    """
    shown = [change for change in changes if change.action != "unchanged"]
    links = "".join(
        f'<a href="#change-{index}">{escape(change.title or change.uid)}</a>' for index, change in enumerate(shown)
    )
    unfolded = len(shown) <= OPEN
    body = "".join(
        _article(f"change-{index}", change, (drawn or {}).get(change.uid, ({}, {})), unfolded=unfolded)
        for index, change in enumerate(shown)
    )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}: {escape(tally(changes))}</title>\n"
        f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n<main>\n<h1>{escape(title)}</h1>\n"
        f'<p class="tally">{escape(tally(changes))}</p>\n<nav>{links}</nav>\n{body}</main>\n</html>\n'
    )


def _article(anchor: str, change: ObjectChange, drawn: tuple[Pictures, Pictures], *, unfolded: bool) -> str:
    whole = noun(change).capitalize()
    told = list(subjects(change.sentences))
    entries = [(f"{anchor}-{index}", names, sentences) for index, (names, sentences) in enumerate(told)]
    # A panel leads to what is said of it alone, where there is such an entry.
    by_company = sorted(entries, key=lambda entry: -len(entry[1]))
    anchors = {name: at for at, names, _ in by_company for name in names}
    said = "".join(
        _entry(
            at, ", ".join(names) or whole, sentences, _pictures(change, {n for n in names if anchors[n] == at}, drawn)
        )
        for at, names, sentences in entries
    )
    note = layout_note(change)
    return (
        f'<article id="{anchor}">\n<h2><span class="verb {change.action}">{ACTIONS[change.action]}</span>'
        f"{escape(change.title or change.uid)} <small>{escape(noun(change))} {escape(change.uid)}</small></h2>\n"
        f"<dl>\n{said}</dl>\n"
        + (f'<p class="note">{escape(note)} (layout only)</p>\n' if note else "")
        + _boards(change, anchors, unfolded=unfolded)
        + "</article>\n"
    )


def _entry(anchor: str, name: str, sentences: Sequence[Sentence], pictures: str) -> str:
    code = "".join(_sides(sentence) for sentence in sentences)
    return f'<dt id="{anchor}" tabindex="-1">{escape(name)}</dt><dd>{escape(told(sentences))}{code}{pictures}</dd>\n'


def _pictures(change: ObjectChange, names: Container[str], drawn: tuple[Pictures, Pictures]) -> str:
    """Show the panels that sentences are about, before and after; those that look alike once."""
    before, after = (
        {
            tile.key: (tile.title, pictures[tile.number])
            for tile in tiles
            if tile.verb and tile.subject in names and tile.number is not None and tile.number in pictures
        }
        for tiles, pictures in zip((change.tiles_before, change.tiles_after), drawn, strict=True)
    )
    shown = []
    for key in dict.fromkeys([*before, *after]):
        if key in before and key in after and before[key][1] == after[key][1]:
            figures = [_figure("Before and after look alike", *after[key])]
        else:
            figures = [
                _figure(words, *side[key]) for words, side in (("Before", before), ("After", after)) if key in side
            ]
        shown.append(f'<div class="sides">{"".join(figures)}</div>')
    return "".join(shown)


def _figure(words: str, title: str, picture: bytes) -> str:
    data = base64.b64encode(picture).decode()
    image = f'<img alt="{escape(title)}" src="data:image/png;base64,{data}">'
    return f"<figure><figcaption>{words}</figcaption>{image}</figure>"


def _sides(sentence: Sentence) -> str:
    named = zip(("before", "after"), sides(sentence.before, sentence.after), strict=True)
    texts = [(name, "\n".join(map(_marked, lines))) for name, lines in named if lines]
    blocks = [f'<pre class="{name}">{text}</pre>' for name, text in texts]
    return f'<div class="sides">{"".join(blocks)}</div>' if blocks else ""


def _marked(line: Line) -> str:
    """Write a line with what differs in it marked."""
    written, at = "", 0
    for start, end in line.marks:
        written += f"{escape(line.text[at:start])}<mark>{escape(line.text[start:end])}</mark>"
        at = end
    return written + escape(line.text[at:])


def _boards(change: ObjectChange, anchors: Mapping[str, str], *, unfolded: bool) -> str:
    boards = (("Before", change.tiles_before), ("After", change.tiles_after))
    drawn = [
        f'<section><h3>{name}</h3><div class="grid">{"".join(_tiles(tiles, anchors))}</div></section>'
        for name, tiles in boards
        if tiles
    ]
    if not drawn:
        return ""
    fold = " open" if unfolded else ""
    return (
        f'<details class="boards"{fold}><summary>Panels on the grid</summary><p class="legend">{LEGEND}</p>'
        f'<div class="sides">{"".join(drawn)}</div></details>\n'
    )


def _tiles(tiles: Sequence[Tile], anchors: Mapping[str, str]) -> Iterator[str]:
    """Draw panels at their places; every row above pushes what follows down by the height its title takes here."""
    rows = sorted(tile.y for tile in tiles if tile.panel_type == "row")
    for tile in tiles:
        is_row = tile.panel_type == "row"
        pushed = tile.y + (ROW_LINES - 1) * sum(1 for y in rows if y < tile.y)
        classes = " ".join(filter(None, ("tile", "row" if is_row else "", tile.verb or "")))
        place = (
            f"grid-area:{pushed + 1}/{tile.x + 1}/span {ROW_LINES if is_row else max(tile.h, 1)}/span {max(tile.w, 1)}"
        )
        state = f"{SHAPES[tile.verb]} {tile.verb}" if tile.verb else ""
        words = ", ".join(filter(None, ("" if is_row else escape(tile.panel_type), state)))
        anchor = anchors.get(tile.subject) if tile.verb and tile.subject else None
        opening, closing = (f'a href="#{anchor}"', "a") if anchor else ("div", "div")
        said = f"<span>{words}</span>" if words else ""
        yield f'<{opening} class="{classes}" style="{place}">{escape(tile.title)}{said}</{closing}>'
