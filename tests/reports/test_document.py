"""Whole reports: files, pictures, and missing pieces named rather than crashed on."""

import json
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from s2r_bench.errors import DataError, UsageError
from s2r_reports.document import terminal, write_report
from s2r_reports.frames import Entry
from s2r_reports.learning import kept_curves
from s2r_reports.shapes import seen

SIZES = {"floor": 0.5, "ours": 0.8, "ceiling": 1.0}


@pytest.fixture
def runs(made: ModuleType, tmp_path: Path) -> list[tuple[object, Path]]:
    names = {"floor": 0.0, "ours": 0.004, "ceiling": 0.003}
    return [
        (made.record(name, w1=0.009 - noise, sensor=None), made.keep_artifacts(tmp_path / name, noise))
        for name, noise in names.items()
    ]


def test_all_formats(runs: list[tuple[object, Path]], tmp_path: Path, made: ModuleType) -> None:
    out = tmp_path / "report"
    files = write_report(runs, out, ("md", "csv", "html", "latex", "parquet", "json"))  # type: ignore[arg-type]
    assert all(path.is_file() and path.stat().st_size for path in files)
    assert not list(out.glob("*.part"))
    kinds = [path.suffix for path in sorted(files, key=lambda path: path.suffix) if path.suffix != ".png"]
    assert kinds == [".csv", ".csv", ".csv", ".html", ".json", ".md", ".parquet", ".tex"]
    names = [path.name.removeprefix("fidelity-mini-tiny-")[5:] for path in files if path.suffix == ".png"]
    charts = {"comparison.png", "comparison-dark.png", "bins.png", "bins-dark.png"}
    assert sorted(names) == sorted({*charts, "overview.png", "floor.png", "ours.png", "ceiling.png"})
    text = (out / "report.md").read_text(encoding="utf-8")
    assert made.SENSOR in text  # taken from the artifacts, as the environment does not hold it
    for name in re.findall(r"!\[.*?\]\((.*?)\)", text):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 8  # each once
    page = re.sub(r"<script.*?</script>|<pre>.*?</pre>", "", page, flags=re.DOTALL)  # three.js names a namespace
    assert "http" not in page
    assert not re.search(r"\breal\b", text + page, re.IGNORECASE)


def test_bins_of_captures_are_those_of_an_arm_that_has_them(made: ModuleType, tmp_path: Path, monkeypatch) -> None:
    """Arms come by name, and the first of them may make clouds, which have no figures by bin."""
    drawn: dict[str, dict[str, object]] = {}

    def curves(title: str, panels: dict[str, dict[str, object]], path: Path, palette: dict[str, str]) -> Path:
        drawn.update(panels)
        return path

    monkeypatch.setattr("s2r_reports.figures.curves", curves)
    records = [made.record("dit3d", left_out={"2-D": "it makes points"}), made.record("ours"), made.record("floor")]
    write_report(records, tmp_path, ("md",))
    assert drawn["robust spread by range (mm)"]["captured"] == {"1.0-1.5 m": 9.0, "1.5-2.0 m": 9.0}
    assert set(drawn["robust spread by range (mm)"]) == {"floor", "ours", "captured"}
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "dit3d: no 2-D figures: it makes points" in text


def test_the_loss_curves_that_runs_kept_are_drawn(runs: list[tuple[object, Path]], tmp_path: Path) -> None:
    """A stage with a single row is no curve, and a damaged file is no report's end."""
    rows = [{"stage": "stage 1", "step": float(n), "train_loss": 1 / n, "val_loss": 2 / n} for n in (1, 2, 3)]
    rows += [{"stage": "stage 2", "step": 1.0, "train_loss": 1.0}, {"stage": "stage 1", "train_loss": 1.0}]
    for place, text in enumerate(("[1, 2", json.dumps(rows))):
        (runs[place][1] / "artifacts" / "training_curve.json").write_text(text, encoding="utf-8")
    files = write_report(runs, tmp_path / "report", ("md",))  # type: ignore[arg-type]
    drawn = [path.name for path in files if "-training" in path.name]
    assert len(drawn) == 2  # for a light page, and for a dark one
    assert list(kept_curves(Entry(*runs[1]))) == ["stage 1"]  # type: ignore[arg-type]
    assert kept_curves(Entry(*runs[0])) == {}  # type: ignore[arg-type]


def test_missing_artifacts_are_named(runs: list[tuple[object, Path]], tmp_path: Path) -> None:
    (runs[1][1] / "artifacts" / "view_0.npz").write_bytes(b"PK\x03\x04 damaged")
    (runs[1][1] / "artifacts" / "view_1.npz").unlink()
    (runs[2][1] / "artifacts" / "clouds.npz").unlink()
    files = write_report(runs, tmp_path / "report", ("md",))  # type: ignore[arg-type]
    text = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    assert "ours: no views kept" in text
    assert "ceiling: no fused clouds kept" in text
    pictures = [path.name for path in files if path.suffix == ".png"]
    assert not any(name.endswith("-ours.png") for name in pictures)
    assert sum(name.endswith(("-floor.png", "-ceiling.png", "-overview.png")) for name in pictures) == 3


def test_records_without_folders_still_give_tables(made: ModuleType, tmp_path: Path) -> None:
    write_report([made.record("ours"), (made.record("other"), None)], tmp_path, ("md",))
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "mean abs error" in text
    assert "no run of the reference 'ceiling'" in text


def test_folders_are_found_in_the_store(made: ModuleType, tmp_path: Path) -> None:
    record = made.record("ours")
    made.keep_artifacts(tmp_path / "runs" / "evaluate" / record.spec.key, 0.01)
    files = write_report([record], tmp_path / "report", ("md",), home=tmp_path)
    assert any(path.name.endswith("-ours.png") for path in files)


def test_refusals(made: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="md, csv, html"):
        write_report([made.record("ours")], tmp_path, ("docx",))
    with pytest.raises(DataError, match="no finished evaluation"):
        write_report([], tmp_path)


def test_terminal(made: ModuleType) -> None:
    text = terminal([made.record("floor"), made.record("ours")], width=100)
    assert max(map(len, text.splitlines())) <= 100
    assert "residual W1, all pixels" in text


def test_a_task_that_is_not_known_is_shown_as_it_is(made: ModuleType, tmp_path: Path) -> None:
    record = made.record("ours")
    spec = type(record.spec)(**{**vars(record.spec), "task": "somebody-elses"})
    other = type(record)(spec, record.scores, {}, record.environment, {})
    write_report([other], tmp_path, ("md", "csv"))
    assert "| mae | 0.0100" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_reconstructions_are_drawn_beside_each_other(made: ModuleType, tmp_path: Path) -> None:
    runs = [(made.record(name, w1=0.01), made.keep_shape(tmp_path / name, size)) for name, size in SIZES.items()]
    (tmp_path / "floor" / "artifacts" / "shape_b.npz").write_bytes(b"PK damaged")
    written = write_report(runs, tmp_path / "report")
    kinds = [path.stem.rpartition("-")[2] for path in written if path.suffix == ".png" and "dark" not in path.stem]
    assert sorted(kinds) == ["comparison", "reconstructions"]
    text = (tmp_path / "report" / "report.md").read_text()
    assert "Reconstructions, first of each category" in text
    assert "no views kept" not in text


def test_a_viewer_in_front_sees_right_as_right_and_near_as_near() -> None:
    right, up, near = seen(np.eye(3)).T
    assert right[0] > 0 > right[2]  # +x to the right; what stands in front moves to the left
    assert up[1] > 0 > up[2]  # looked down upon, what is nearer stands lower
    assert near.min() > 0
    np.testing.assert_allclose(np.linalg.norm(seen(np.eye(3)), axis=1), 1)
