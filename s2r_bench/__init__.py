"""The core of s2r-bench: types, contracts, records, worlds. It imports none of the four rooms by name."""

__version__ = "0.1.0"
