"""Every format reads back: LaTeX compiles, Markdown has whole tables, CSV and Parquet hold the same numbers."""

import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from s2r_reports import tables
from s2r_reports.document import write_report
from s2r_reports.frames import entries_of, long_frame

ARMS = {"no-sim": 0.0, "my_own & 50% #1": 0.02, "ours": 0.03, "oracle": 0.06}


@pytest.fixture(scope="module")
def report(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[object], Path]:
    records = [made.recon(arm, seed, gain=gain) for arm, gain in ARMS.items() for seed in (0, 1)]
    records += [made.segmented("no-sim", 0.4), made.segmented("ours", 0.5)]
    out = tmp_path_factory.mktemp("formats")
    write_report(records, out, ("md", "csv", "latex", "parquet"))
    return records, out


def test_csv_and_parquet_hold_the_same_numbers(report: tuple[list[object], Path]) -> None:
    records, out = report
    frame = long_frame(entries_of(records))  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(pd.read_parquet(out / "scores.parquet"), frame)
    text = pd.read_csv(out / "scores.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(text, frame, check_dtype=False)
    means = pd.read_csv(out / "summary.csv").query("arm == 'ours' and metric == 'iou'")["mean"]
    expected = frame.query("arm == 'ours' and metric == 'iou'")["value"].mean()
    assert means.item() == pytest.approx(expected)


def test_markdown_tables_are_whole(report: tuple[list[object], Path]) -> None:
    """Each block of lines that begin with a bar has a rule as second line, and as many cells in every line."""
    text = (report[1] / "report.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    assert len(blocks) > 8
    for block in blocks:
        lines = block.strip().splitlines()
        assert set(lines[1]) <= set("|-: ")
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert "*measured here: mini, preset tiny*" in text


def test_latex_is_balanced_and_escaped(report: tuple[list[object], Path]) -> None:
    text = (report[1] / "tables.tex").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    body = "\n".join(lines)
    assert body.isascii()
    assert body.count(r"\begin{tabular}") == body.count(r"\end{tabular}") > 8
    plain = re.sub(r"\\[%_&#${}]", "", body)
    assert not set("%#_~^") & set(plain.replace("^\\circ", ""))
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    for one in re.findall(r"\\begin\{tabular\}\{(l r*|lr*)\}(.*?)\\end\{tabular\}", plain, re.DOTALL):
        rows = [row for row in one[1].split(r"\\") if "&" in row]
        assert rows
        assert {row.count("&") for row in rows} == {len(one[0]) - 1}
    assert r"my\_own \& 50\% \#1" in body


def test_latex_escapes_every_character_that_means_something() -> None:
    assert tables.tex(r"a\b~c^d<e>f|g") == (r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d$<$e$>$f$|$g")


def test_latex_compiles(report: tuple[list[object], Path], tmp_path: Path) -> None:
    program = shutil.which("pdflatex") or shutil.which("tectonic")
    if program is None:
        pytest.skip("neither pdflatex nor tectonic is installed")
    source = tmp_path / "paper.tex"
    source.write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\\tiny\n"
        f"\\input{{{report[1] / 'tables.tex'}}}\n\\end{{document}}\n",
        encoding="utf-8",
    )
    subprocess.run([program, source.name], cwd=tmp_path, check=True, timeout=120, stdin=subprocess.DEVNULL)
    assert source.with_suffix(".pdf").stat().st_size > 1000
