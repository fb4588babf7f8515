"""Durations as people write them: Kamal 1 passed text on to Docker, Kamal 2 wants whole seconds."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")


def whole_seconds(value: object) -> int | None:
    """The seconds that ``30``, ``"30"``, ``30s`` or ``1m30s`` say; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = str(value).strip()
    if re.fullmatch(r"\d{1,9}(\.0+)?", text):
        return int(float(text))
    parts = _PART.findall(text)
    if not parts or len(text) > 32 or "".join(number + unit for number, unit in parts) != text:
        return None
    seconds = round(sum(float(number) * _UNITS[unit] for number, unit in parts), 6)
    return int(seconds) if seconds == int(seconds) else None
