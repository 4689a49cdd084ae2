"""Which recording would serve a query that reads too much?"""

import pytest

from obs.preview.cost import recording


@pytest.mark.parametrize(
    ("query", "record"),
    [
        (
            'histogram_quantile(0.5, sum by (le) (rate(took_bucket{job="api", route=~".*"}[5m])))',
            'record: le:took_bucket:rate5m, expr: sum by (le) (rate(took_bucket{job="api"}[5m]))',
        ),
        (
            "sum(increase(a_total[1h])) / sum(increase(b_total[30d]))",
            "record: all:b:increase30d, expr: sum(increase(b_total[30d]))",
        ),
        ("max(memory_bytes)", ""),
    ],
)
def test_the_dearest_part_is_recorded(query: str, record: str) -> None:
    """The aggregation that looks back longest, without what a variable narrows; nothing for a level."""
    assert recording(query).replace("( ", "(").replace(" )", ")").replace("( ", "(") == record
