"""Worlds: where pairs, CADs and captures come from, and what "captured" means there.

`open_world("mini")` opens a built-in world, `open_world("some/folder")` a folder of pairs as a custom world.
"""

from s2r_bench.worlds.base import Split, World, open_world

__all__ = ["Split", "World", "open_world"]
