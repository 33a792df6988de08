"""The single-file variant: one HTML file with the pictures inside, which saves the answers as a file."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from s2r_bench.files import write_text
from s2r_reports._study.layout import PAGE, Study
from s2r_reports._study.web import single_page

ANSWERS_KIND = "s2r-bench study answers"


def write_static(study: Study, files: Mapping[str, bytes], clouds: Mapping[str, bytes], folder: Path) -> Path:
    """Write `folder/study.html`. The page draws each participant's order itself."""
    data = {
        "kind": ANSWERS_KIND,
        "study": study.id,
        "words": asdict(study.words),
        "samples": study.samples,
        "examples": study.examples,
        "width": study.width,
        "height": study.height,
        "show": study.show,
        "images": _encoded(files),
        "clouds": _encoded(clouds),
    }
    return write_text(folder / PAGE, single_page(json.dumps(data).replace("<", "\\u003c")))


def _encoded(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(files[name]).decode() for name in sorted(files)}
