"""The commands beside the migration itself, a module each."""
