"""Which panels of two states of a dashboard are drawn, and where do their pictures stand in a review?"""

from typing import Any

from obs.diff import diff_trees, render_html
from obs.diff.page import Pictures
from obs.preview.comparing import sides


def board(*panels: dict[str, Any]) -> dict[str, Any]:
    """Return a dashboard of panels, four columns each."""
    placed = [{"gridPos": {"x": 4 * n, "y": 0, "w": 4, "h": 4}, **panel} for n, panel in enumerate(panels)]
    return {"uid": "shop", "title": "Shop", "panels": placed}


def stat(number: int, title: str, **settings: Any) -> dict[str, Any]:
    """Return a panel."""
    return {"id": number, "type": "stat", "title": title, "targets": [{"refId": "A", "expr": "up"}]} | settings


SALES, ORDERS = stat(1, "Sales"), stat(2, "Orders")


def test_only_boards_and_panels_that_differ_are_drawn() -> None:
    """A board that came or went has one side; a panel that has only moved is not drawn."""
    changed = ORDERS | {"description": "why"}
    boards, shown = sides(
        {"shop": board(SALES, ORDERS), "same": board(SALES), "gone": board(SALES)},
        {"shop": board(changed, SALES), "same": board(SALES), "new": board(ORDERS)},
    )
    assert list(boards) == ["shop.before", "shop.after", "gone.before", "new.after"]
    assert boards["shop.before"] == board(SALES, ORDERS)
    assert shown == [("shop.before", 2), ("shop.after", 2), ("gone.before", 1), ("new.after", 2)]


def test_pictures_stand_beside_the_words_about_their_panel() -> None:
    """Both sides where they differ, one where they look alike, and none of a panel that is as it was."""
    before = board(SALES, ORDERS, stat(3, "Old"))
    after = board(SALES | {"description": "why"}, ORDERS | {"title": "<Orders>"}, stat(4, "New"))
    pictures: tuple[Pictures, Pictures] = ({1: b"a", 2: b"b", 3: b"c"}, {1: b"a", 2: b"d", 4: b"e"})
    changes = diff_trees({"shop.json": before}, {"shop.json": after})
    page = render_html(changes, drawn={"shop": pictures})

    shown = [part.split("</figcaption>")[0] for part in page.split("<figcaption>")[1:]]
    assert sorted(shown) == ["After", "After", "Before", "Before", "Before and after look alike"]
    assert 'alt="&lt;Orders&gt;" src="data:image/png;base64,ZA=="' in page
    assert page.index("renamed to") < page.index("base64,Yg==") < page.index("base64,ZA==")
    assert "<figure>" not in render_html(changes)
    assert "<figure>" not in render_html(changes, drawn={"another": pictures})
