"""Builds the documentation's site into site/, or serves it while pages are edited.

python docs/tool/build.py            broken links and anchors are errors
python docs/tool/build.py serve      http://localhost:8000, again after every change
"""

import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("zensical", "latex2mathml")


def main(words: list[str]) -> int:
    """The exit code of zensical with these words; a strict and clean build where there are none."""
    lacking = [name for name in NEEDED if find_spec(name) is None]
    if lacking:
        print(f"missing: {', '.join(lacking)}; pip install -c constraints.txt -e '.[docs]'", file=sys.stderr)  # noqa: T201
        return 4
    from zensical.main import cli

    # this folder is on sys.path, as that of the script: the formulas' extension is found by its name
    command, *rest = words or ["build", "--strict", "--clean"]
    cli([command, "--config-file", str(ROOT / "zensical.toml"), *rest], prog_name="zensical")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
