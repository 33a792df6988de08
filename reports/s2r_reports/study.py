"""The user study of the paper's appendix B: can people tell simulated samples from captured ones?

A participant first sees views (or fused clouds) with their clean and their captured side, then samples of several
simulators and of the captures, shuffled and without their clean side, and says of each whether it was captured. The
figure is the share of a source's samples that were picked. `build` makes the study, `serve` (or the single file
study.html) asks, `results` counts. docs/study.md has the protocol.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from s2r_bench.errors import DataError, EnvironmentLacksError, UsageError
from s2r_bench.files import held
from s2r_bench.records import RunRecord

if TYPE_CHECKING:
    from s2r_bench.worlds.pair_folder import FolderPairs
    from s2r_reports._study.build import Progress
    from s2r_reports._study.layout import Show, Study
    from s2r_reports._study.pools import Pools

LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Serving:
    """Where a study is served, and each participant's link."""

    url: str
    links: Mapping[str, str]


def pools_of(
    records: Sequence[RunRecord],
    home: Path,
    folders: Mapping[str, Path],
    captured: "Path | FolderPairs | None",
    split: str,
    show: "Show" = "views",
) -> "Pools":
    """What samples can be drawn from: `folders` with `captured` if any are given, else the views that runs kept.

    With `show` "clouds" all views of a sequence, or of a model, of a folder are one sample.

    Raises:
        UsageError, DataError: see `s2r_reports._study.pools`.
    """
    from s2r_reports._study import pools
    from s2r_reports.frames import entries_of

    if not folders and show == "clouds":
        raise UsageError(
            "runs keep single views, and a cloud is fused of all views of a place: write them with `s2r-bench simulate "
            "-m METHOD -d WORLD -o DIR`, then give --from METHOD=DIR for each method, and --captured WORLD"
        )
    if not folders:
        return pools.pools_of_runs(entries_of(records, home))
    if captured is None:
        raise UsageError("--from needs --captured too: a world, or a folder of pairs, with what the sensor gave")
    return pools.pools_of_folders(folders, captured, split, show)


def counts_of(pools: "Pools") -> dict[str, int]:
    """Source -> of how many views it has samples; "captured" too."""
    every = {**pools.sources, "captured": pools.captured}
    return {name: len({one.view for one in found}) for name, found in every.items()}


def build(
    pools: "Pools",
    out: Path,
    progress: "Progress",
    *,
    samples: int,
    examples: int,
    seed: int,
    same_views: bool,
    static: bool,
    show: "Show" = "views",
) -> "Study":
    """Write a study to `out`.

    Args:
        pools: what there is.
        out: a new or empty folder.
        progress: hears of pictures done and their total.
        samples: of each source and of the captures.
        examples: pairs of clean and captured views that participants see first.
        seed: decides the views, and each participant's order.
        same_views: every source shows the same views.
        static: also write the single-file variant.
        show: what the candidates of `pools` are.

    Raises:
        UsageError, DataError: see `s2r_reports._study.build`.
    """
    from s2r_reports._study.build import Plan, build

    return build(pools, Plan(samples, examples, seed, same_views, static, show), out, progress)


def serve(
    folder: Path, host: str, port: int, participants: int, tell: Callable[[Serving], None], warn: Callable[[str], None]
) -> None:
    """Serve the study in `folder` until a signal ends it.

    Args:
        folder: of the study.
        host: address to listen on; all but loopback lets other machines in.
        port: 0 = one that is free.
        participants: links for at least so many people; those given out before stay.
        tell: called once, when the server takes connections.
        warn: hears of what is odd.

    Raises:
        EnvironmentLacksError: starlette or uvicorn is not installed, or the address is taken.
        UsageError: another server has this study.
        DataError: no study there, or a damaged one.
    """
    server = _server()
    from s2r_reports._study.layout import CLOUDS, IMAGES, read_study
    from s2r_reports._study.participants import enrolled

    study = read_study(folder)
    kinds = (("pictures", IMAGES, "png"), ("clouds", CLOUDS, "bin"))
    for what, part, ending in kinds[: 1 + (study.show == "clouds")]:
        lost = [name for name in study.images if not (folder / part / f"{name}.{ending}").is_file()]
        if lost:
            raise DataError(f"{folder / part}: {len(lost)} {what} are missing, {sorted(lost)[0]}.{ending} among them")
    with held(folder / ".lock", wait=False) as mine:
        if not mine:
            raise UsageError(f"another server has {folder} open; stop that one first")
        tokens = enrolled(folder, participants)
        journal = server.journal_of(folder, study)
        for line in journal.collected.damaged:
            warn(f"not used: {line}")
        try:
            taken = server.listening(host, port)
        except OSError as wrong:
            raise EnvironmentLacksError(f"cannot listen on {host}:{port} ({wrong.strerror}); try --port 0") from None
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{taken.getsockname()[1]}"
        tell(Serving(url, {label: f"{url}/s/{token}" for label, token in tokens.items()}))
        desk = server.Desk(folder, study, {token: label for label, token in tokens.items()}, journal)
        server.run(desk, taken, LOOPBACK if host in LOOPBACK else ("*",))


def _server() -> Any:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as wrong:
        raise EnvironmentLacksError(
            f"`s2r-bench study serve` needs more ({wrong}): pip install starlette uvicorn (the extra `study`). "
            "`study build --static` needs neither: it writes the study as one file"
        ) from None
    from s2r_reports._study import server

    return server


def results(folder: Path, files: Sequence[Path], unfinished: bool, out: Path | None) -> tuple[dict[str, Any], str]:
    """The figures as plain values and as a table; with `out` also study.md, study.csv and study.json there."""
    from s2r_reports._study.results import document, markdown, outcome_of, write_results

    outcome = outcome_of(folder, files, unfinished)
    values = document(outcome)
    if out is not None:
        values["files"] = [str(path) for path in write_results(outcome, out)]
    return values, markdown(outcome)
