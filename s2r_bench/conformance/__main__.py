"""The other process of the checks: `python -m s2r_bench.conformance ORDER.json`."""

import sys
from pathlib import Path

from s2r_bench.conformance.child import obey

if __name__ == "__main__":
    obey(Path(sys.argv[1]))
