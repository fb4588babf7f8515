"""Lossless edits of one YAML file: `YamlDoc`, `Place` and what its verbs give back."""

from kamal_migrate.yamldoc.data import Data, Path
from kamal_migrate.yamldoc.doc import Change, Comment, Place, Refusal, YamlDoc
from kamal_migrate.yamldoc.events import YamlError

__all__ = ["Change", "Comment", "Data", "Path", "Place", "Refusal", "YamlDoc", "YamlError"]
