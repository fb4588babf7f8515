"""What `check` found as SARIF 2.1.0, which code hosts show at the lines and follow over time."""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from urllib.parse import quote

from kamal_migrate import __version__
from kamal_migrate.checking import DOCUMENTATION, REFUSED, UNKNOWN, Checked, Problem, title_of
from kamal_migrate.masking import mask
from kamal_migrate.rules import RULES

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_OWN = {REFUSED: "error", UNKNOWN: "note"}


def as_sarif(checked: Checked) -> str:
    """The problems, two spaces deep."""
    rules = _rules()
    number = {str(row["id"]): index for index, row in enumerate(rules)}
    driver = {"name": "kamal-migrate", "version": __version__, "rules": rules}
    seen: Counter[str] = Counter()
    results = [_result(problem, number[problem.rule], seen) for problem in checked.problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rules() -> list[dict[str, object]]:
    own = [_rule(id, level, title_of(id), DOCUMENTATION[id]) for id, level in _OWN.items()]
    return own + [_rule(rule.id, rule.severity.value, rule.title, rule.documentation) for rule in RULES]


def _rule(id: str, level: str, title: str, text: str) -> dict[str, object]:
    return {
        "id": id,
        "shortDescription": {"text": title},
        "fullDescription": {"text": text},
        "help": {"text": text},
        "defaultConfiguration": {"level": level},
    }


def _result(problem: Problem, index: int, seen: Counter[str]) -> dict[str, object]:
    place = problem.location
    text = "\n".join((mask(problem.message), *(f"- {mask(way)}" for way in problem.ways)))
    return {
        "ruleId": problem.rule,
        "ruleIndex": index,
        "level": problem.severity.value,
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place.path)},
                    "region": {"startLine": place.line, "startColumn": place.column},
                }
            }
        ],
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(problem, seen)},
    }


def _fingerprint(problem: Problem, seen: Counter[str]) -> str:
    """What tells a problem from others, also after edits above it; of several alike each has its number.

    Where an item stands in its list counts as little as its line. A value that may be secret counts as
    masked, so that nobody can try values against the hash.
    """
    place = "/".join(step if isinstance(step, str) else "[]" for step in problem.key)
    names = [step for step in problem.key if isinstance(step, str)]
    shown = mask(f"{names[-1]}: {problem.value}") if names else mask(problem.message)
    parts = (problem.rule, problem.location.path, place, shown)
    found = sha256("\0".join(parts).encode()).hexdigest()[:32]
    seen[found] += 1
    return f"{found}:{seen[found]}"
