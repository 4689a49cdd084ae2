"""How do changes read in a pull-request comment?"""

from collections.abc import Iterator, Sequence

from obs.diff.change import ObjectChange, Sentence
from obs.diff.lines import changed_lines
from obs.diff.wording import ACTIONS, headline, layout_note, noun, subjects, tally, told
from obs.markup import escaped, fenced

COMMENT_LIMIT = 65_000  # characters; GitHub accepts 65,536 in one comment, and a marker may stand above ours
SHORTENED = "\n_Shortened to fit one comment; the check's own output has every change._\n"


def render_markdown(changes: Sequence[ObjectChange], *, limit: int = COMMENT_LIMIT) -> str:
    """Say what changed as GitHub Markdown of at most `limit` characters.

    Titles cannot smuggle in markup, mentions or issue links. What does not fit is shortened to a line for each object,
    then to a count: the comment always says that something was left out.
    """
    shown = [change for change in changes if change.action != "unchanged"]
    if not shown:
        return "No dashboard or rule changes.\n"
    head = f"**Dashboards and rules: {tally(changes)}**\n\n"
    blocks, lines = [_block(change) for change in shown], [_line(change) for change in shown]
    spare = limit - len(head) - len(SHORTENED) - sum(map(len, lines))
    if spare < 0:
        return _counted(head, lines, limit)
    texts = []
    for block, line in zip(blocks, lines, strict=True):
        fits = len(block) - len(line) <= spare
        spare -= max(len(block) - len(line), 0) if fits else 0
        texts.append(block if fits else line)
    return head + "".join(texts) + ("" if texts == blocks else SHORTENED)


def _counted(head: str, lines: list[str], limit: int) -> str:
    room = limit - len(head) - len(SHORTENED)
    kept = []
    for line in lines:
        room -= len(line)
        if room < 0:
            break
        kept.append(line)
    return f"{head}{''.join(kept)}\n… and {len(lines) - len(kept)} more.{SHORTENED}"


def _line(change: ObjectChange) -> str:
    count = sum(not sentence.hidden for sentence in change.sentences)
    said = f": {count} changes" if change.action == "update" else ""
    return f"- {escaped(noun(change))} **{escaped(change.title or change.uid)[:200]}** {ACTIONS[change.action]}{said}\n"


def _block(change: ObjectChange) -> str:
    head = f"#### {escaped(change.title or change.uid)} ({escaped(noun(change))}, {ACTIONS[change.action]})\n\n"
    text = head + "".join(_item(change, names, sentences) for names, sentences in subjects(change.sentences))
    if note := layout_note(change):
        text += f"\n<details><summary>Layout only</summary>\n\n{escaped(note)}\n\n</details>\n"
    return text + "\n"


def _item(change: ObjectChange, names: Sequence[str], sentences: Sequence[Sentence]) -> str:
    code = "\n".join(_fences(sentences))
    return f"- **{escaped(headline(change, *names))}**: {escaped(told(sentences))}\n{code}"


def _fences(sentences: Sequence[Sentence]) -> Iterator[str]:
    for sentence in sentences:
        told = changed_lines(sentence.before, sentence.after)
        lines = [text for line in told for text in (f"{line.sign} {line.text}", f"  {line.carets}") if text.strip()]
        if lines:
            yield fenced(lines, "diff")
