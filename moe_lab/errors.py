"""Errors that a user can mend: one clear line, which the command line prints before it exits with code 2."""


class UserError(Exception):
    """A command, config, file or folder that is wrong. The text says what is wrong and what to do, in one line."""


class ConfigError(UserError):
    """A word of the command line or a stored config that cannot be used."""


class DataError(UserError):
    """A data file that is missing, truncated or not what it should be."""


class RunError(UserError):
    """A path that is not the run folder it should be."""
