"""Exceptions for misuse.  A failed search is data (see `SearchStatus`), never an exception."""

from __future__ import annotations


class LandscapeError(Exception):
    """Base of every error that this package raises on purpose."""


class ProblemError(LandscapeError, ValueError):
    """A problem (energy, gradient, Hessian, domain, dimension) is not what it claims to be."""


class SettingsError(LandscapeError, ValueError):
    """A setting has a value that cannot work; the message names field, value and cure."""


class ConfigError(SettingsError):
    """A configuration file cannot be read as one."""


class StoreError(LandscapeError):
    """A store cannot be used."""


class StoreNotFoundError(StoreError, FileNotFoundError):
    """There is no store at that path."""


class StoreFormatError(StoreError, ValueError):
    """Something is there, but it is not a landscape database, or one of an unknown version."""


class StoreMismatchError(StoreError, ValueError):
    """The store was made with another problem or other settings."""


class StoreInUseError(StoreError):
    """Another process writes to the store, or took over from this one."""


class ClusterError(LandscapeError, ConnectionError):
    """No scheduler at the address, or the cluster was lost during the run."""
