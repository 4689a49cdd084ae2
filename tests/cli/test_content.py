"""A module that a service lays into its folders is picked up, and a mistake in it is told by its own line."""

import json
import re

import pytest

from tests.checkout import Checkout

ALERT = """\
from obs.alerting import Alert, Severity, clears, silent, tickets
from obs.stack import Stack


def shop_closed(stack: Stack) -> Alert:
    \"\"\"Nobody can buy.\"\"\"
    return Alert(
        name="ShopClosed",
        expr="up == 0",
        hold="1m",
        severity=Severity.TICKET,
        summary="The shop is closed.",
        description="It is closed.",
        runbook="api.md",
        panel=None,
        cases=(
            tickets("down", at="2m", series={"up": "0x9"}),
            silent("up", series={"up": "1x9"}),
            clears("up again", at="5m", series={"up": "0x4 1x9"}),
        ),
    )


ALERTS = (shop_closed,)
"""

BOARD = """\
from obs.boards import panels
from obs.boards.board import Dashboard, board
from obs.stack import Stack


def dashboard(stack: Stack) -> Dashboard:
    \"\"\"Return the dashboard of the shop.\"\"\"
    row = [panels.number("Up", 'up{instance=~"$instance"}', why="Zero: it is down.", unit="short")]
    return board(stack, slug="shop", title="Shop", why="Is it open?", jobs=("redis",), rows={"Now": row})
"""

METRIC = """\
from watchkeeper.contract.metrics import Metric

ORDERS = Metric("shop_orders_total", "counter", "Orders.")
SERIES = (ORDERS,)
"""
FILES = {"alerts": ALERT, "dashboards": BOARD, "metrics": METRIC}


def built(checkout: Checkout, room: str, text: str | bytes) -> str:
    """Lay a module into a folder of the service, build, and return what is said; nothing may be written."""
    before = checkout.written()
    path = checkout.root / room / "shop.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    done = checkout.obs("build")

    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    assert checkout.written() == before
    return done.stderr


def test_a_module_is_picked_up(checkout: Checkout) -> None:
    """Rules and board are written without a list to add them to, and the series may be asked for."""
    for room, text in FILES.items():
        (checkout.root / room / "shop.py").write_text(text, encoding="utf-8")

    done = checkout.obs("build")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "ShopClosed" in (checkout.root / "infra/observability/prometheus/rules/shop.yml").read_text()
    assert "Is it open?" in (checkout.root / "infra/observability/grafana/dashboards/shop.json").read_text()
    assert "shop_orders_total" in (checkout.root / "docs/catalog.md").read_text()


def test_a_board_shows_on_the_overview_what_it_says(checkout: Checkout) -> None:
    """Its tile stands in the row it names, as small as others, with the way to its board; a new name is a new row."""
    tile = """

def tile(stack: Stack) -> panels.Panel:
    \"\"\"Return whether the shop is open.\"\"\"
    return panels.number("Shop", 'up{instance=~"$instance"}', why="Zero: it is closed.", unit="short")


def sales(stack: Stack) -> list[panels.Panel]:
    \"\"\"Return what is sold.\"\"\"
    return [panels.number("Sold", 'up{instance=~"$instance"}', why="Zero: nobody buys.", unit="short")]


OVERVIEW = {"Now": (tile,), "Sales": (sales,)}
"""
    (checkout.root / "dashboards/shop.py").write_text(BOARD + tile, encoding="utf-8")

    done = checkout.obs("build")

    assert done.returncode == 0, done.stdout + done.stderr
    overview = json.loads((checkout.root / "infra/observability/grafana/dashboards/overview.json").read_text())
    by_title = {panel["title"]: panel for panel in overview["panels"]}
    assert by_title["Shop"]["gridPos"]["w"] == by_title["Redis"]["gridPos"]["w"]
    assert by_title["Shop"]["gridPos"]["y"] < by_title["Targets"]["gridPos"]["y"]
    assert by_title["Shop"]["links"][0]["url"].startswith("/d/rce-api-shop")
    assert by_title["Sold"]["gridPos"]["y"] > by_title["Sales"]["gridPos"]["y"]


@pytest.mark.parametrize("room", FILES)
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda text: text + "def broken(:\n", r"{room}/shop\.py, line \d+: not Python: "),
        (lambda text: text + "x = y\n", r"{room}/shop\.py:\d+: NameError: name 'y' is not defined"),
        (lambda text: "import nothing_like_it\n" + text, r"{room}/shop\.py:1: ModuleNotFoundError: No module named"),
        (lambda text: b"\xff" + text.encode(), r"{room}/shop\.py.*: not Python: "),
        (lambda text: text.replace("def ", "  def ", 1) + "(", r"{room}/shop\.py, line \d+: not Python: "),
        (lambda text: text + "\0", r"{room}/shop\.py, line \d+: not Python: .*null bytes"),
        (lambda text: text + "raise SystemExit(3)\n", r"{room}/shop\.py:\d+: SystemExit: 3"),
    ],
    ids=["syntax", "name", "import", "bytes", "indent", "null", "exit"],
)
def test_a_module_that_does_not_load_is_named_by_its_line(
    checkout: Checkout, room: str, change: object, sentence: str
) -> None:
    """File and line of the module, and Python's own reason."""
    assert callable(change)
    said = built(checkout, room, change(FILES[room]))

    assert re.search("^obs: " + sentence.format(room=room), said), said
    assert "bug" not in said


@pytest.mark.parametrize(
    ("room", "old", "new", "sentence"),
    [
        ("alerts", "ALERTS = (shop_closed,)", "", ": takes ALERTS = (...,), a tuple of functions"),
        ("alerts", "ALERTS = (shop_closed,)", "ALERTS = shop_closed", ": takes ALERTS = (...,)"),
        ("alerts", "(shop_closed,)", "(__import__('functools').partial(shop_closed),)", ": takes ALERTS = (...,)"),
        ("alerts", "    return Alert(", "    exit(3)\n    return Alert(", ":7 shop_closed: SystemExit: 3"),
        ("alerts", "    return Alert(", "    _ = Alert(", ":5 shop_closed: returns nothing; return the Alert"),
        ("alerts", "summary=", "sumary=", ":7 shop_closed: TypeError: Alert.__init__() got an unexpected"),
        ("alerts", 'hold="1m"', "hold=60", ":7 shop_closed: ShopClosed: hold = 60: takes text"),
        ("alerts", "(stack: Stack)", "(stack: Stack, more: int)", ":5 shop_closed: takes one argument, the stack: "),
        (
            "alerts",
            'expr="up == 0"',
            'expr=f"up{stack.targets.redsi.job} == 0"',
            ":9 shop_closed: no stack has targets.redsi; did you mean 'redis'?",
        ),
        (
            "alerts",
            "    return Alert(",
            "    stack.targets.require('redsi')\n    return Alert(",
            ":7 shop_closed: no stack has targets.redsi; did you mean 'redis'?",
        ),
        (
            "alerts",
            "    return Alert(",
            "    stack.targets.has('redsi')\n    return Alert(",
            ":7 shop_closed: no stack has targets.redsi; did you mean 'redis'?",
        ),
        (
            "alerts",
            "    return Alert(",
            "    stack.datasources.lokki\n    return Alert(",
            ":7 shop_closed: no stack has datasources.lokki; did you mean 'loki'?",
        ),
        (
            "dashboards",
            'jobs=("redis",)',
            "jobs=(stack.targets.redsi.job,)",
            ":9 dashboard: no stack has targets.redsi; did you mean 'redis'?",
        ),
        (
            "dashboards",
            '{"Now": row}',
            '{"Now": row, "Then": lambda stack: stack.targets.redsi}',
            ":9 <lambda>: no stack has targets.redsi; did you mean 'redis'?",
        ),
        ("dashboards", "def dashboard(", "def bord(", ": takes a function dashboard(stack)"),
        ("dashboards", "return board(", "board(", ":6 dashboard: returns nothing; return the Dashboard"),
        ("dashboards", 'why="Zero', 'wyh="Zero', ":8 dashboard: TypeError: "),
        ("dashboards", "stack, slug", "stack.nothing, slug", ":9 dashboard: AttributeError: "),
        ("dashboards", """'up{instance=~"$instance"}'""", "7", ":8 dashboard: "),
        (
            "dashboards",
            "def dashboard",
            "OVERVIEW = {'Now': 7}\n\n\ndef dashboard",
            ': takes OVERVIEW = {"Now": (...,)}',
        ),
        ("metrics", "SERIES = (ORDERS,)", "", ": takes SERIES = (...,), a tuple of every Metric"),
        ("metrics", '"counter"', '"histogram"', ":3: shop_orders_total: a histogram has bucket edges"),
        ("metrics", "SERIES = (ORDERS,)", "SERIES = ('x',)", ": takes SERIES = (...,), a tuple of every"),
    ],
)
def test_a_module_that_defines_the_wrong_thing_is_told_what_it_takes(
    checkout: Checkout, room: str, old: str, new: str, sentence: str
) -> None:
    """The line of the service's own code, what is wrong with it, and what it takes; never a bug of the tool."""
    assert old in FILES[room]
    said = built(checkout, room, FILES[room].replace(old, new, 1))

    assert said.startswith(f"obs: {room}/shop.py{sentence}"), said
    assert "bug" not in said


def test_a_rule_file_that_is_silenced_is_there(checkout: Checkout) -> None:
    """A misspelt one would silence nothing, and nobody would notice."""
    silencing = "severity=Severity.TICKET, silences=(Silence(('reddis',)),)"
    text = ALERT.replace("Severity, clears", "Severity, Silence, clears").replace("severity=Severity.TICKET", silencing)

    said = built(checkout, "alerts", text)

    assert said.startswith(
        "obs: alerts/shop.py:5 shop_closed: ShopClosed silences 'reddis', which is no rule file; did you mean 'redis'?"
    )


def test_what_a_stack_lacks_is_left_out(checkout: Checkout) -> None:
    """A source of metrics/ that this stack has no target for is absent, and not misspelt."""
    (checkout.root / "metrics" / "shop.py").write_text(METRIC)
    (checkout.root / "alerts" / "shop.py").write_text(ALERT.replace('"up == 0"', "str(stack.targets.shop)"))

    done = checkout.obs("build")

    assert done.returncode == 0, done.stdout + done.stderr
    assert not (checkout.root / "infra/observability/prometheus/rules/shop.yml").exists()


@pytest.mark.parametrize("room", FILES)
def test_a_module_that_may_not_be_read_is_named(checkout: Checkout, room: str) -> None:
    """The file, and what the system says; never a bug of the tool."""
    # The system refuses to read this file to everybody; root may read what is closed to others.
    (checkout.root / room / "shop.py").symlink_to("/proc/self/mem")

    done = checkout.obs("build")

    assert done.returncode == 2
    assert done.stderr == f"obs: {room}/shop.py: can't be read: Input/output error\n"


@pytest.mark.parametrize("room", FILES)
def test_what_is_no_file_is_named(checkout: Checkout, room: str) -> None:
    """A folder that is called like a module, and a link to a file that is gone."""
    path = checkout.root / room / "shop.py"
    path.symlink_to("gone.py")
    dangling = checkout.obs("build")
    path.unlink()
    path.mkdir()
    folder = checkout.obs("build")

    assert dangling.returncode == folder.returncode == 2
    assert dangling.stderr == f"obs: {room}/shop.py: a folder, or a link to nothing; takes a file of Python\n"
    assert folder.stderr == dangling.stderr


def test_two_alerts_of_one_name_are_told_with_their_places(checkout: Checkout) -> None:
    """A page and a silence go by the name: two rules cannot share it."""
    said = built(checkout, "alerts", ALERT.replace('"ShopClosed"', '"ApiDown"'))

    assert re.match(r"obs: ApiDown: 2 alerts have this name: alerts/api\.py:\d+ down and alerts/shop\.py:5 shop", said)


def test_a_broken_query_is_told_by_its_alert(checkout: Checkout) -> None:
    """PromQL that does not parse is a finding with its place, and other findings are still told."""
    text = ALERT.replace('expr="up == 0"', 'expr="sum by (job (up) == 0"').replace("api.md", "nowhere.md")
    (checkout.root / "alerts/shop.py").write_text(text, encoding="utf-8")

    done = checkout.obs("check")

    assert done.returncode == 1, done.stderr
    assert "alerts/shop.py:5 shop_closed" in done.stdout
    assert "nowhere.md" in done.stdout


DECLARED = """\
from watchkeeper import Counter, Label

CHANNEL = Label("channel", "Where an order came from.", ("web", "phone"))
ORDERS = Counter("shop_orders_total", "Orders taken.", labels=(CHANNEL,))
"""

OWN_BOARD = """\
from obs.boards import panels
from obs.boards.board import Dashboard, board
from obs.stack import Stack
from shop.orders import CHANNEL, ORDERS
from watchkeeper.contract.labels import INSTANCE


def dashboard(stack: Stack) -> Dashboard:
    \"\"\"Return the dashboard of the shop.\"\"\"
    here = INSTANCE.re("$instance")
    row = [panels.traffic("Orders", ORDERS, here, CHANNEL.eq("pigeon"), by=(CHANNEL,), why="None: nobody can buy.")]
    return board(stack, slug="shop", title="Shop", why="Do people buy?", jobs=("rce-api",), rows={"Now": row})
"""


def test_what_an_application_declares_is_asked_for(checkout: Checkout) -> None:
    """One declaration counts in the application and proves its boards; a value that it never has is refused."""
    package = checkout.root / "shop"
    package.mkdir()
    (package / "orders.py").write_text(DECLARED, encoding="utf-8")
    service = "from shop.orders import ORDERS\n\nSERIES = (ORDERS,)\n"
    (checkout.root / "metrics" / "service.py").write_text(service, encoding="utf-8")
    path = checkout.root / "dashboards" / "shop.py"

    path.write_text(OWN_BOARD, encoding="utf-8")
    refused = checkout.obs("build")
    path.write_text(OWN_BOARD.replace("pigeon", "web"), encoding="utf-8")
    done = checkout.obs("build")

    assert (refused.returncode, done.returncode) == (2, 0), done.stdout + done.stderr
    assert "label 'channel' is never 'pigeon'; it takes: web, phone" in refused.stderr
    catalog = (checkout.root / "docs/catalog.md").read_text(encoding="utf-8")
    assert "shop_orders_total" in catalog


def test_an_alert_that_is_not_listed_is_named(checkout: Checkout) -> None:
    """A function that makes an alert and stands in no ALERTS would be missed by nobody."""
    said = built(checkout, "alerts", ALERT.replace("ALERTS = (shop_closed,)", "ALERTS = ()"))

    assert (
        said
        == "obs: alerts/shop.py:5 shop_closed: not in ALERTS, so no rule is made of it; add shop_closed, or remove it\n"
    )


def test_an_example_address_is_pointed_out(checkout: Checkout) -> None:
    """Before a person is paged with a link to it, each is told by its key; one that is real is not, and all holds."""
    checkout.edit("stack.toml", 'url = "http://localhost:3001"', 'url = "https://grafana.shop.io"')
    checkout.obs("build")

    done = checkout.obs("check")

    assert done.returncode == 0, done.stdout + done.stderr
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    assert [note.split(" = ")[0] for note in notes] == [
        "note: runbooks.base_url",
        "note: alertmanager.url",
        "note: prometheus.url",
    ]
    assert "note: " not in checkout.obs("check", "--json").stderr


@pytest.mark.parametrize("room", ["alerts", "dashboards", "metrics"])
def test_a_module_below_a_folder_is_named(checkout: Checkout, room: str) -> None:
    """What is never read is no part of the stack, whoever believes it is."""
    (checkout.root / room / "shop").mkdir()
    (checkout.root / room / "shop" / "closed.py").write_text(FILES[room], encoding="utf-8")

    done = checkout.obs("check")

    where = f"{room}/shop/closed.py"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"obs: {where}: never read; the modules of {room}/ stand in {room}/ itself\n"


@pytest.mark.parametrize(
    ("file", "arguments", "sentence"),
    [
        ("stack.toml", ("check",), "stack.toml: not TOML: begins with a byte order mark"),
        ("waivers.toml", ("check",), "waivers.toml: can't be read: begins with a byte order mark"),
        ("alerts/drill/api.toml", ("drill",), "alerts/drill/api.toml: begins with a byte order mark"),
    ],
)
def test_a_byte_order_mark_is_told_by_its_file(
    checkout: Checkout, file: str, arguments: tuple[str, ...], sentence: str
) -> None:
    """No editor shows it, and TOML has no place for it: the sentence says what it is, and what to do."""
    path = checkout.root / file
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    done = checkout.obs(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{sentence}; save it as UTF-8 without one (at line 1)" in done.stderr
