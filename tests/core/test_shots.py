import pytest

from s2r_bench.errors import UsageError
from s2r_bench.shots import PerClass, Share, parse


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0", Share(0.0)),
        ("0%", Share(0.0)),
        (".25", Share(0.25)),
        ("12.5%", Share(0.125)),
        ("1", PerClass(1)),
        ("1.0", Share(1.0)),
        ("100%", Share(1.0)),
        ("full", Share(1.0)),
        ("10", PerClass(10)),
    ],
)
def test_grammar(text, wanted):
    assert parse(text) == wanted


@pytest.mark.parametrize("text", ["", "-1", "1.5", "120%", "5x10", "a few", "1e-1", "nan"])
def test_all_else_is_refused_with_the_grammar(text):
    with pytest.raises(UsageError, match="zero-shot"):
        parse(text)


def test_echo():
    assert [str(parse(text)) for text in ("0", "1", "1.0", "25%")] == ["zero-shot", "1 per class", "100 %", "25 %"]
