"""Errors that are the user's to mend. Each carries its exit code; the command line prints them as one line.

0 done, 1 some cells failed, 2 usage, 3 data or weights missing or invalid, 4 environment, 5 verification failed.
"""

from typing import ClassVar


class S2RError(Exception):
    """Says what was wrong, where, what was expected and what to do."""

    exit_code: ClassVar[int] = 1


class UsageError(S2RError):
    """A name, flag or configuration value that cannot be used."""

    exit_code = 2


class DataError(S2RError):
    """A data set, file or checkpoint is missing, damaged or in another form than expected."""

    exit_code = 3


class EnvironmentLacksError(S2RError):
    """The machine lacks something: a library, an extra, a device, disk space."""

    exit_code = 4


class VerificationError(S2RError):
    """A check that was asked for did not pass."""

    exit_code = 5


class LeakageError(DataError):
    """A simulator was trained on scenes that it is to be scored on."""


class NotFittedError(S2RError):
    """A simulator was asked to simulate before `fit` or `load`."""

    exit_code = 3
