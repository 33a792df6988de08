"""What cells share is made once, whole, and continued where a maker was killed."""

from pathlib import Path

import pytest

from s2r_bench.shelf import Shelf


def test_made_once_and_named_by_its_inputs(tmp_path: Path) -> None:
    told: list[str] = []
    shelf = Shelf(tmp_path, told.append)
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "thing").write_text("whole")

    first = shelf.folder("kind", {"a": 1}, make, "making it")
    assert shelf.folder("kind", {"a": 1}, make) == first
    assert shelf.folder("kind", {"a": 2}, make) != first
    assert shelf.folder("other", {"a": 1}, make).name != first.name
    assert len(made) == 3
    assert told[0] == "making it"


def test_a_killed_maker_is_continued_and_nothing_half_made_is_given_out(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)

    def dying(folder: Path) -> None:
        (folder / "half").write_text("kept")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shelf.folder("kind", {}, dying)
    seen: list[bool] = []
    folder = shelf.folder("kind", {}, lambda folder: seen.append((folder / "half").is_file()))
    assert seen == [True]
    assert (folder / "done.json").is_file()


def test_who_does_not_wait_goes_on_while_another_is_at_it(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        inner = shelf.folder("thing", {"n": 1}, make, wait=False)  # as another process would ask meanwhile
        assert inner == folder
        assert not (folder / "done.json").is_file()

    folder = shelf.folder("thing", {"n": 1}, make, wait=False)
    assert made == [folder]
    assert (folder / "done.json").is_file()
