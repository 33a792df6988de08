"""Simulators, one file each; a file's presence registers it. Names with a leading underscore are no members."""
