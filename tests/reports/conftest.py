"""What tests of reports share: the record maker beside this file."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """The module made_records.py."""
    spec = importlib.util.spec_from_file_location("made_records", Path(__file__).with_name("made_records.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
