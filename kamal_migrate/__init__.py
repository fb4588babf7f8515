"""Rewrites legacy Kamal and MRSK configuration, and moves nothing but what has to change."""

__version__ = "0.1.0"
