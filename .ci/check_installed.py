"""Prove that `kamal-migrate` and its codemods run from the given environment, not from a checkout.

Usage: python -I check_installed.py ENVIRONMENT
"""

from __future__ import annotations

import runpy
import sys
import sysconfig
from pathlib import Path

environment = Path(sys.argv[1]).resolve()
site = Path(sysconfig.get_path("purelib")).resolve()
assert site.is_relative_to(environment), f"{site} is not in {environment}"
assert not (site / "codemods").exists(), "a package called `codemods` was installed"

sys.argv = ["kamal-migrate", "list"]
try:
    runpy.run_module("kamal_migrate", run_name="__main__", alter_sys=True)
except SystemExit as stop:
    assert not stop.code, f"`kamal-migrate list` ended with {stop.code}"

loaded = {
    name: Path(module.__file__).resolve()
    for name, module in sys.modules.items()
    if name.partition(".")[0] == "kamal_migrate" and getattr(module, "__file__", None)
}
assert loaded["kamal_migrate"] == site / "kamal_migrate" / "__init__.py", loaded["kamal_migrate"]
codemods = [name for name in loaded if name.startswith("kamal_migrate.codemods.")]
assert codemods, "`kamal-migrate list` loaded no codemod"
strays = [str(path) for path in loaded.values() if not path.is_relative_to(site)]
assert not strays, f"not from {site}: {strays}"
assert "codemods" not in sys.modules, "codemods were imported as a package of their own"
print(f"{len(loaded)} modules, {len(codemods)} of them codemods, all from {site}")
