"""What `s2r-bench data verify` calls: everything that can be wrong with a pair folder, each with a remedy."""

from pathlib import Path

from s2r_bench.data.checks.cameras import check_cameras
from s2r_bench.data.checks.files import check_files
from s2r_bench.data.checks.finding import Finding, error
from s2r_bench.data.checks.sides import check_sides
from s2r_bench.data.checks.splits import check_splits
from s2r_bench.errors import DataError
from s2r_bench.worlds.pair_folder import read_cameras

__all__ = ["Finding", "verify_pairs"]


def verify_pairs(folder: Path) -> list[Finding]:
    """Check a pair folder; an empty list means that nothing is wrong. It raises nothing for what the folder holds.

    Every depth file is decoded once (about 10 ms for a pair of 640x480), then a sample is compared: clean with
    captured, and clean frames with their neighbours through the cameras.

    Args:
        folder: with cameras.json, clean/ and captured/ (or real/).

    Returns:
        Errors first, then warnings; files before meanings within each.
    """
    try:
        cameras = read_cameras(folder)
    except DataError as wrong:
        return [error(folder / "cameras.json", str(wrong), "See docs/data.md for the format")]
    findings: list[Finding] = []
    sides, found = check_files(folder, cameras)
    findings += found
    findings += check_splits(cameras)
    units = check_sides(cameras, sides)
    findings += units
    # with depth in the wrong unit every camera looks wrong: one cause, one message
    if not any("median depth" in finding.message for finding in units):
        findings += check_cameras(cameras, sides)
    return sorted(findings, key=lambda finding: finding.severity)  # "error" sorts before "warning"
