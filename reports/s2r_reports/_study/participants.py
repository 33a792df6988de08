"""Who takes part: labels for the answers, secret tokens for the links."""

import re
import secrets
from pathlib import Path

from s2r_bench.errors import DataError
from s2r_bench.files import read_json, write_json
from s2r_reports._study.answers import PARTICIPANT
from s2r_reports._study.layout import PARTICIPANTS, SCHEMA

TOKEN_BYTES = 16
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")


def enrolled(folder: Path, count: int) -> dict[str, str]:
    """Label -> token of at least `count` participants: those that there are, and new ones for what is missing.

    Raises:
        DataError: the file is damaged.
    """
    path = folder / PARTICIPANTS
    known = _read(path) if path.is_file() else {}
    if len(known) >= count:
        return known
    number = 0
    while len(known) < count:
        number += 1
        label = f"p{number:02d}"
        if label not in known:
            known[label] = secrets.token_urlsafe(TOKEN_BYTES)
    write_json(path, {"schema": SCHEMA, "participants": known})
    path.chmod(0o600)
    return known


def _read(path: Path) -> dict[str, str]:
    found = read_json(path).get("participants")
    if not isinstance(found, dict) or not all(
        isinstance(token, str) and PARTICIPANT.fullmatch(label) and _TOKEN.fullmatch(token)
        for label, token in found.items()
    ):
        raise DataError(f'{path} is damaged: expected {{"participants": {{label: token}}}}; its links are lost with it')
    if len(set(found.values())) < len(found):
        raise DataError(f"{path} gives one token to two participants; every participant needs their own")
    return found
