"""The digest of a module's code, taken once a process: dozens of files are parsed for it, and what runs stays."""

import sys
from functools import cache

from s2r_bench.steps.code import code_of


@cache
def code_of_module(name: str) -> str:
    """`code_of` an imported module, by its name."""
    return code_of(sys.modules[name])
