"""Do pairs that were once read wrongly read as they mean?"""

from pathlib import Path

import pytest
from click.testing import CliRunner

from obs.cli.cli import obs

PAIRS = Path(__file__).parent / "pairs"
READS = {
    "matcher": ['override for "err.*": matcher.id "byName" to "byRegexp"', 'description set to "why"'],
    "order": ['overrides: order changed to ".*", "x"', 'description set to "why"'],
    "twofields": ['query "one" to "two"', 'description set to "x"'],
    "queryobject": ["query.a 1 to 2", 'description set to "x"'],
    "linkorder": ["links: order changed to b, a", 'description set to "q"'],
    "longmatcher": ["name030", "nameXXX"],
    "rows": ["1 unchanged"],
    "fill": ["- a + fill (-1) b", "+ a + fill (-2) b"],
    "comment": ['- |= "x"', '+ {app="a"} # c |= "x"'],
    "twin": ["- sum(x)", "+ sum by () (x)"],
    "longtext": ["abccc", "aBccc"],
    "leak": ["- x[$interval]", "+ y[$interval]"],
    "letters": ["T / A: query B is now A; query C is now B"],
    "orchain": ["- … or bbb"],
    "rule_manifest": ['rule group "shop"', "ShopDown: for 5m to 15m"],
    "resource": ['dashboard "Shop" (shop)', "Shop / Orders: query:", "- orders_total[5m]", "+ orders_total[1m]"],
}


def test_every_pair_is_read() -> None:
    """A pair that is added says how it reads."""
    assert {path.stem.removesuffix("_a") for path in PAIRS.glob("*_a.*")} == READS.keys()


@pytest.mark.parametrize("pair", READS)
def test_a_pair_reads_as_it_means(pair: str) -> None:
    """Every change is told, both sides differ where they are shown, and nothing else is said to have changed."""
    old, new = sorted(PAIRS.glob(f"{pair}_[ab].*"))

    result = CliRunner().invoke(obs, ["diff", str(old), str(new)])

    assert result.exit_code == 0
    assert [said for said in READS[pair] if said not in result.output] == []
    assert "moved" not in result.output
    assert result.output.splitlines()[-1] == ("1 unchanged" if pair == "rows" else "1 changed")
