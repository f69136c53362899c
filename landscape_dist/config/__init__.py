"""Configuration files: TOML to validated models, and from there to a problem and the arguments of `explore`."""

from __future__ import annotations

from landscape_dist.config.models import Config, load_config, make_config, section_of

__all__ = ["Config", "load_config", "make_config", "section_of"]
