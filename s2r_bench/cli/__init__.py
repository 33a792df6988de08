"""The command line: words in, one call, one answer out. Heavy imports wait until a command needs them."""

import os
import signal
from types import FrameType

from s2r_bench.cli.session import Terminated


def main() -> None:
    """Entry point of `s2r-bench`."""
    # before torch is imported: spinning OpenMP threads turn a busy machine into a stalled one
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("MPLBACKEND", "Agg")
    signal.signal(signal.SIGTERM, _terminate)
    from s2r_bench.cli.app import app

    app(prog_name="s2r-bench")


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated
