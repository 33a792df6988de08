"""The other process of the checks: `python -m s2r_bench.conformance ORDER.json`."""

import sys
from pathlib import Path

from s2r_bench.blame import whole
from s2r_bench.conformance.child import obey
from s2r_bench.conformance.outcome import told

if __name__ == "__main__":
    try:
        obey(Path(sys.argv[1]))
    except Exception as wrong:  # whatever somebody's simulator raises: the last line is what the table shows
        sys.exit(f"{whole(wrong)}{told(wrong)}")
