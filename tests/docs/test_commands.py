"""Every command that the pages print parses against the real command line; blocks that ask for it are run."""

import os
import re
import shlex
import shutil
import sys

import pytest

from tests.docs import pages
from tests.docs.parsing import commands, parsed, unknown_names
from tests.docs.stage import STAGES, pairs

EVERY = [block for page in pages.pages() for block in pages.blocks(page)]
COMMANDS = [
    pytest.param(block, words, id=f"{block.id}-{number}")
    for block in EVERY
    if pages.PROGRAM in block.text
    for number, words in enumerate(filter(None, map(pages.command, block.steps())))
]
RUN = {block.page for block in EVERY if block.how in ("run", "plan")}
PLANNED = ("run", "train", "simulate", "evaluate")
SIZED = (*PLANNED, "info")


@pytest.mark.parametrize(("block", "words"), COMMANDS)
def test_it_parses(block, words):
    fault, context = parsed(words)
    assert fault is None, f"{block.id}: s2r-bench {' '.join(words)}: {fault}"
    assert unknown_names(context) == [], block.id


@pytest.mark.parametrize("page", sorted(RUN), ids=lambda page: str(page.relative_to(pages.ROOT)))
def test_what_the_page_says_to_run_runs(page, here, monkeypatch, capsys):
    """The blocks of a page in their order, in one folder with one home, as a reader would type them."""
    STAGES.get(str(page.relative_to(pages.ROOT)), lambda folder: None)(here)
    for block in EVERY:
        if block.page == page and block.how in ("run", "plan"):
            for words in block.steps():
                code, said = step(words, block.how == "plan", monkeypatch, capsys)
                assert code == 0, f"{block.id}: {' '.join(words)}\n{said}"


def step(words, plan, monkeypatch, capsys):
    """Do one simple command in this process: exit code, and what it said."""
    words = [os.path.expandvars(word) for word in words]
    if words[:2] == ["cp", "-r"]:
        shutil.copytree(words[2], words[3])
        return 0, ""
    if words[0] == "cd":
        monkeypatch.chdir(words[1])
        return 0, ""
    own = pages.command(words)
    assert own is not None, f"a block that is run holds s2r-bench, cd and cp -r alone, not {shlex.join(words)}"
    if set(own[:2]) & set(SIZED) and "--preset" not in own:
        own += ["--preset", "smoke"]
    if plan and "--dry-run" not in own:
        assert own[0] in PLANNED, f"{own[0]} knows no --dry-run"
        own += ["--dry-run"]
    return called(own, monkeypatch, capsys)


def called(own, monkeypatch, capsys):
    """Call the program in this process: exit code, and what it said."""
    from s2r_bench.cli.app import app

    monkeypatch.setattr(sys, "argv", ["s2r-bench", *own])
    with pytest.raises(SystemExit) as stopped:
        app(args=own, prog_name="s2r-bench")
    said = capsys.readouterr()
    return stopped.value.code, f"{said.out[-2000:]}\n{said.err[-2000:]}"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, and a home that is not there yet."""
    for name in [name for name in os.environ if name.startswith("S2R_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "work"
    folder.mkdir()
    home = str(tmp_path / "home")
    for name, value in {"S2R_HOME": home, "S2R_JOBS": "1", "S2R_WORKERS": "1", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(folder)
    return folder


def plannable():
    """Commands that compute and name nothing of the reader's (a file, NAME, a variable, LASA), each once."""
    every = {tuple(one.values[1]): one.values[0].id for one in COMMANDS}
    for words, place in every.items():
        theirs = re.search(r"[A-Z]{2}|/|\bmy-|\.(py|yaml)\b|-d lasa\b|-m 1\b", " ".join(words))
        if words[0] in PLANNED and not theirs:
            yield pytest.param(list(words), id=place)


@pytest.mark.parametrize("words", list(plannable()))
def test_its_options_exist(words, here, monkeypatch, capsys):
    """With --dry-run: every --set has a name that the method, the task or the world knows, and a value in its range."""
    pairs(here, "kinect")
    monkeypatch.setenv("S2R_KINECT", str(here / "kinect"))
    code, said = called([*words, *([] if "--dry-run" in words else ["--dry-run"])], monkeypatch, capsys)
    assert code == 0, said


def test_what_is_read_of_a_page(tmp_path):
    page = pages.ROOT / "docs" / "made.md"
    text = """
`s2r-bench run` and
<!-- test: run -->

```bash
s2r-bench train ours \\
  -d x   # why
export A=1 && srun s2r-bench run $A > log; echo done
```
    s2r-bench data list
<!-- test: skip, needs a camera -->
```
nothing
```
"""
    fenced, rest = pages.parted(text, page)
    assert [(block.how, block.line) for block in fenced] == [("run", 5), ("skip, needs a camera", 12)]
    assert [pages.command(words) for words in fenced[0].steps()] == [
        ["train", "ours", "-d", "x"],
        None,
        ["run", "1"],
        None,
    ]
    assert [block.text for block in pages.outside(rest, page)] == ["s2r-bench data list", "s2r-bench run"]
    for wrong in ("<!-- test: skip -->\n", "<!-- test: rum -->\n", "```bash\ns2r-bench run\n"):
        with pytest.raises(ValueError, match=r"made\.md"):
            pages.parted(wrong, page)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "--tasks", "recon"], "--tasks"),
        (["evaluat"], "evaluat"),
        (["simulate", "--views", "many"], "--views"),
        (["data", "prepare", "--from", "x"], "name"),
    ],
)
def test_a_command_that_does_not_exist_is_seen(words, said):
    assert said in parsed(words)[0]


def test_names_that_nobody_knows_are_seen():
    context = parsed(["evaluate", "-m", "ous", "-m", "my-sim", "-m", "NAME", "-t", "recn", "--preset", "big"])[1]
    assert unknown_names(context) == ["method ous", "task recn", "preset big"]
    assert unknown_names(parsed(["run", "paper-recn"])[1]) == ["suite paper-recn"]


def printed():
    """Commands that the program itself prints: the examples of its help, and how a data set is made ready."""
    from s2r_bench.data.catalogue import DATA_SETS

    for command in commands():
        yield from re.findall(r"`(s2r-bench [^`]+)`", command.epilog or "")
    yield from (one.command for one in DATA_SETS if one.command)


@pytest.mark.parametrize("line", list(printed()))
def test_what_the_program_prints_parses(line):
    for words in pages.simple(line):
        fault, context = parsed(pages.command(words))
        assert fault is None
        assert unknown_names(context) == []
