"""What do all panels of one dashboard get for an answer? The document that is drawn, and judged."""

from typing import Any, Literal, NotRequired, TypedDict


class Target(TypedDict):
    """
    One query as it was asked, every variable filled, and its answer.

    ``result`` is the data object of Prometheus or Loki: `{"resultType": ..., "result": [...]}`; None beside an
    ``error``. ``step`` is in seconds, 0 of a query asked once.
    """

    refId: str
    expr: str
    instant: bool
    format: str
    legendFormat: str
    step: float
    result: dict[str, Any] | None
    error: str | None
    datasource: Literal["prometheus", "loki", "other"]


class Answered(TypedDict):
    """The answers to one panel's queries, in their order."""

    targets: list[Target]


class Annotation(TypedDict):
    """A moment or a stretch of time that is marked on every plot; times are milliseconds since 1970."""

    name: str
    color: str
    time: float
    timeEnd: float | None
    text: str
    tags: list[str]


class Answers(TypedDict):
    """Everything one picture is made from. ``panels`` maps a panel's id, as text, to its answers."""

    dashboard: dict[str, Any]
    range: dict[Literal["from", "to"], int]
    timezone: str
    variables: dict[str, str | list[str]]
    width: int
    panels: dict[str, Answered]
    annotations: list[Annotation]
    source: NotRequired[str]
    """Where the data comes from, in a few words."""


class Axis(TypedDict):
    """One axis of a plot as it is drawn."""

    side: str
    min: float
    max: float
    unit: str


class Limit(TypedDict):
    """A threshold, and whether the axis reaches it."""

    value: float
    color: str
    inView: bool


class Box(TypedDict):
    """A rectangle on the page, in pixels."""

    x: float
    y: float
    width: float
    height: float


class Text(TypedDict):
    """A text on the page: whether it is cut, how large it is and in which colour."""

    text: str
    cut: bool
    fontSize: float
    color: str


class Value(TypedDict):
    """A value as Grafana's display processor writes it, in its colour."""

    text: str
    numeric: float | None
    color: str
    name: NotRequired[str]
    """Of the series, or of the column."""


class Legend(TypedDict):
    """How many rows a legend has, and how many of them can't be seen."""

    rows: int
    hidden: int


class Drawn(TypedDict):
    """What a browser made of one panel."""

    title: str
    type: str
    x: float
    y: float
    width: float
    height: float
    plot: Box | None
    legend: Legend | None
    texts: list[Text]
    noData: bool
    error: str | None
    axes: list[Axis]
    thresholds: list[Limit]
    colors: list[str]
    values: list[Value]
    rows: NotRequired[list[list[str]]]
    collapsed: NotRequired[bool]
    """Its row is folded when the page opens; measured with all rows open."""


class Layout(TypedDict):
    """What a browser made of one board."""

    pageHeight: float
    panels: dict[str, Drawn]
    digest: NotRequired[str]
    """Of the page it was measured on."""
