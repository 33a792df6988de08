"""The command line: words in, one call, one answer out. Heavy imports wait until a command needs them."""

import os
import signal
from types import FrameType

from s2r_bench.cli.session import Terminated


def main() -> None:
    """Entry point of `s2r-bench`."""
    # before torch is imported: threads that spin without end turn a busy machine into a stalled one, and threads that
    # do not spin at all lose what a second core gains on small networks (0.60 s against 0.28 s a step, measured)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    os.environ.setdefault("MPLBACKEND", "Agg")
    signal.signal(signal.SIGTERM, _terminate)
    from s2r_bench.cli.app import app

    app(prog_name="s2r-bench")


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise Terminated
