"""Carry an app of MRSK over to Kamal's names

What changed in Kamal
    MRSK became Kamal with 0.16.0: the gem, the command and the binstub `mrsk`
    are `kamal`, the constants `Mrsk` and `MRSK` are `Kamal` and `KAMAL`, hooks
    are in `.kamal/hooks`, and what Kamal tells a hook is in `KAMAL_*` instead
    of `MRSK_*`. The image ghcr.io/mrsked/mrsk is ghcr.io/basecamp/kamal. There
    is no bridge: Kamal passes over `.mrsk/hooks` without a word, and a hook
    that reads `MRSK_VERSION` gets nothing.

What this does
    Moves `.mrsk/hooks` to `.kamal/hooks`, samples included, unless `hooks_path`
    names the old folder. In each hook the variables that MRSK itself set
    (RECORDED_AT, PERFORMER, DESTINATION, VERSION, SERVICE_VERSION, HOSTS,
    COMMAND, SUBCOMMAND, RUNTIME) get their new prefix. Names of your own, such
    as MRSK_REGISTRY_PASSWORD, stay: they are yours, and go on working.
    Where `mrsk` in a hook is nothing but the command, that becomes `kamal`.
    bin/mrsk becomes bin/kamal where it is the binstub that Bundler generates.
    Names what it cannot rewrite: `mrsk` and its image in CI, scripts and other
    hooks, the constants, and a config/mrsk.yml. That every app has to replace
    the gem is no finding: it is a step, and `kamal-migrate steps` has the
    commands.

Safety
    All that is changed is `review`: hooks that Kamal passed over run again.
    The rest is `manual`.

Left to you
    The Gemfile, for Bundler has to resolve and lock the other gem. What else
    calls `mrsk`. MRSK_CONTAINER_NAME in the app itself, which is
    KAMAL_CONTAINER_NAME. On the servers nothing: names of containers stayed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from kamal_migrate.api import (
    HOOK_VARIABLES,
    HOOKS,
    OLD_HOOKS,
    App,
    Codemod,
    Finding,
    Fix,
    Options,
    Rename,
    Reword,
    Safety,
    Version,
    command_fate,
    hooks,
    hooks_paths,
    kamal_calls,
    pin_text,
    script_lines,
    told_callers,
    version_pins,
)

CODEMOD = Codemod(
    "Carry an app of MRSK over to Kamal's names",
    findings=("hooks", "binstub", "gem", "image", "command", "constant", "config"),
)

KAMAL_2 = Version(2)
BIN = "bin/mrsk"
BINSTUB = 'load Gem.bin_path("mrsk", "mrsk")'
_NEW_BINSTUB = "delete it; `bundle binstubs kamal` writes bin/kamal"
_WORD = re.compile(r"\bmrsk\b")
_CONSTANT = re.compile(r"\bMrsk::\w|\bMRSK\.\w|\brequire[ (][\"']mrsk[\"']")


def decide_app(app: App, options: Options) -> Iterator[Finding]:
    """Hooks and the binstub, then the gem, then what hooks, CI and configs say."""
    reworded = set()
    for path in _every_hook(app):
        fix = _hook(app, path, options)
        if fix.files:
            message = _why(fix)
            yield Finding("mrsk/hooks", (), message, Safety.REVIEW, fix, file=path)
        if any(("mrsk", "kamal") in change.words for change in fix.files if isinstance(change, Reword)):
            reworded.add(path)
    yield from _taken(app)
    yield from _binstub(app)
    yield from _pinned(app, options)
    for path in told_callers(app):
        by_hand = path not in reworded and path != BIN
        yield from _called(app, path, options, by_hand=by_hand)
    yield from _configs(app)


def _manual(thing: str, path: str, line: int, message: str, todo: str) -> Finding:
    return Finding(f"mrsk/{thing}", (), message, Safety.MANUAL, todo=todo, file=path, line=line)


def _every_hook(app: App) -> list[str]:
    """The hooks, and all else that is in MRSK's folder: samples too move with it."""
    return list(dict.fromkeys([*hooks(app), *app.find(rf"{re.escape(OLD_HOOKS)}/.+")]))


def _moved(app: App, path: str, options: Options) -> str:
    """Where a file of MRSK's folder goes; the same path where it stays."""
    if OLD_HOOKS in hooks_paths(app) or not path.startswith(f"{OLD_HOOKS}/"):
        return path
    name = path.removeprefix(f"{OLD_HOOKS}/")
    if options.to >= KAMAL_2 and name in ("pre-traefik-reboot", "post-traefik-reboot"):
        name = name.replace("traefik", "proxy")
    return f"{HOOKS}/{name}"


def _hook(app: App, path: str, options: Options) -> Fix:
    """What a hook wants: another path, and other words."""
    new, text = _moved(app, path, options), app.text(path)
    if new != path and app.has(new):
        return Fix()
    known = [name for name in HOOK_VARIABLES if re.search(rf"\bMRSK_{name}\b", text)]
    words = [(f"MRSK_{name}", f"KAMAL_{name}") for name in known]
    if _is_command_only(text):
        words.append(("mrsk", "kamal"))
    rename = (Rename(path, new),) if new != path else ()
    return Fix(files=(*rename, *((Reword(path, tuple(words)),) if words else ())))


def _is_command_only(text: str) -> bool:
    """Whether `mrsk` is said in a script, and outside of comments as nothing but the command."""
    found = False
    for line in script_lines(text):
        called = [call for call in kamal_calls(line) if call.legacy]
        said = len(_WORD.findall(line.text))
        if said != len(called) or any("ghcr.io" in call.program for call in called):
            return False
        found = found or bool(called)
    return found


def _why(fix: Fix) -> str:
    if isinstance(fix.files[0], Rename):
        return "Kamal looks for hooks in .kamal/hooks, and tells them KAMAL_* instead of MRSK_*"
    return "this hook speaks of MRSK; Kamal tells hooks KAMAL_* instead of MRSK_*"


def _taken(app: App) -> Iterator[Finding]:
    """Hooks that cannot move, for there is one of their name."""
    if OLD_HOOKS in hooks_paths(app):
        return
    for path in app.find(rf"{re.escape(OLD_HOOKS)}/.+"):
        new = path.replace(OLD_HOOKS, HOOKS, 1)
        if app.has(new):
            message = f"Kamal passes over {OLD_HOOKS}, and runs the hook of the same name in {HOOKS}"
            yield _manual("hooks", path, 1, message, "keep what is needed in that one, delete this one")


def _binstub(app: App) -> Iterator[Finding]:
    """bin/mrsk, where it is there."""
    if not app.has(BIN):
        return
    text = app.text(BIN)
    plain = "This file was generated by Bundler." in text and text.rstrip().endswith(BINSTUB)
    if plain and not app.has("bin/kamal"):
        files = (Rename(BIN, "bin/kamal"), Reword(BIN, (("mrsk", "kamal"),)))
        message = "the gem and its command are called `kamal` from 0.16.0 on"
        yield Finding("mrsk/binstub", (), message, Safety.REVIEW, Fix(files=files), file=BIN)
    elif any(pin.path == BIN for pin in version_pins(app)):
        yield _manual("binstub", BIN, 1, "the command is called `kamal` from 0.16.0 on", "call it bin/kamal")
    else:
        todo = "delete it, for bin/kamal is there" if app.has("bin/kamal") else _NEW_BINSTUB
        yield _manual("binstub", BIN, 1, "there is no gem `mrsk` any more that this could run", todo)


def _pinned(app: App, options: Options) -> Iterator[Finding]:
    """The gem and the image under their old names, where hooks and CI get them."""
    scripts = told_callers(app)
    for pin in version_pins(app):
        if pin.legacy and pin.path in scripts:
            thing, what = ("image", "image") if pin.kind != "gem install" else ("gem", "gem")
            message = f"MRSK's {what} ends with 0.15.1; Kamal has one of its own"
            yield _manual(thing, pin.path, pin.line, message, f"write `{pin_text(pin, options.to)}`")


def _called(app: App, path: str, options: Options, *, by_hand: bool) -> Iterator[Finding]:
    """Lines that call `mrsk` where that is not rewritten, and that name its constants."""
    for line in script_lines(app.text(path)):
        called = [call for call in kamal_calls(line) if call.legacy and "ghcr.io" not in call.program]
        kept = [call for call in called if not command_fate(call.words, call.flags, options.to)]
        if by_hand and kept:
            message = "the command `mrsk` is `kamal` from 0.16.0 on"
            yield _manual("command", path, kept[0].line, message, "write `kamal`")
        constant = _CONSTANT.search(line.text)
        if constant:
            yield _constant(path, line.at(constant.start()))


def _constant(path: str, line: int) -> Finding:
    message = "the constants `Mrsk` and `MRSK` are `Kamal` and `KAMAL` from 0.16.0 on"
    return _manual("constant", path, line, message, "write the new name, if Kamal still has what it asks for")


def _configs(app: App) -> Iterator[Finding]:
    """Constants in the ERB of configs, and a config that is called by MRSK's name."""
    for config in app.configs:
        for path in config.paths:
            inside = posixpath.relpath(path, app.root or ".")
            for line in script_lines(app.text(inside)):
                if "<%" in line.text and (constant := _CONSTANT.search(line.text)):
                    yield _constant(inside, line.at(constant.start()))
        base = posixpath.relpath(config.base, app.root or ".")
        if posixpath.basename(base).startswith("mrsk."):
            message = "Kamal looks for config/deploy.yml, as MRSK did"
            todo = f"go on giving `-c {base}`, or rename it, with its destinations and wherever it is named"
            yield _manual("config", base, 1, message, todo)
