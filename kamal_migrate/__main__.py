"""The command. ``--version`` answers before anything else is imported."""

from __future__ import annotations

import sys


def main() -> None:
    """Run kamal-migrate with the arguments of the process."""
    if sys.argv[1:] == ["--version"]:
        from kamal_migrate import __version__

        try:
            print(f"kamal-migrate {__version__}", flush=True)
            return
        except OSError:
            pass  # The command below puts it into words.
    import gc

    gc.set_threshold(50_000)  # A short run makes no garbage worth the search.
    from kamal_migrate.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
