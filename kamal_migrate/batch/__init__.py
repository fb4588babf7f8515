"""Many repositories: what is to be done in each, what became of it, and how to go on."""
