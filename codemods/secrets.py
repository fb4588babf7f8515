"""Say in .kamal/secrets where each secret comes from

What changed in Kamal
    Kamal 1 loaded `.env` (and `.env.<destination>`) into its environment and
    took every secret from there; `kamal envify` made these files of `.env.erb`.
    Kamal 2 never reads them. It knows a secret only if `.kamal/secrets-common`
    or `.kamal/secrets` names it; with `-d`, `.kamal/secrets.<destination>`
    takes the place of the latter. A variable that is merely exported is not
    found: the line `NAME=$NAME` takes it over. If it is not set, the secret is
    empty, and nothing says so. Commands in `$(…)` are run when the first
    secret is needed; where a program is not installed, Kamal may pass over the
    whole file ("Secret … not found"). Before 2.4 a variable of the same name
    beat the file.
    The config's own ERB sees nothing of `.env` any more, and hooks see secrets
    only in pre-deploy and post-deploy, from 2.11 also in pre-connect.

What this does
    Every name that the configs look up gets a line, unless a file that Kamal 2
    reads has it: names in `env.secret` (root, roles, tags, accessories), the
    registries, `builder.secrets`, certificates and SSH keys. Without
    destinations in `.kamal/secrets`; with them in `.kamal/secrets-common` if
    every destination needs the name and gets it from the same place, else in
    `.kamal/secrets.<destination>`. Files that are there are extended; their
    lines stay.
    The line is what `.env.erb` says: a shell command becomes `$(command)`,
    `ENV["X"]` becomes `$X`, `File.read("path")` becomes `$(cat path)`. Else
    RAILS_MASTER_KEY becomes `$(cat config/master.key)` where that file is, and
    any other name `NAME=$NAME`.
    No value is ever taken from `.env`, unless --secrets-from-env-file asks for
    it. Then values go into files that git ignores, into no other.

Safety
    `review`: what is not in the environment is passed empty from now on, where
    Kamal 1 stopped with "key not found".

Left to you
    Names that must be in the environment: export them, or run `dotenv kamal
    deploy`, which takes them from `.env`; for a destination with a file of
    its own `dotenv -f .env.staging,.env kamal deploy -d staging`, for
    `dotenv` reads no other file by itself. `dotenv kamal secrets print`
    (2.1+) shows what Kamal will pass. Ruby in `.env.erb` that is none of the
    above, such as a shell command with a session of its own, or Rails
    credentials: the lines to paste are named where there are any; names with
    `-`, which no secrets file can have; values of several lines; names that
    ERB makes; files that `secrets_path` puts elsewhere than
    `.kamal/secrets*`; ERB in the config that reads what `.env` said. The
    files of an app that is for Kamal 2 already are not touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kamal_migrate.api import (
    App,
    Codemod,
    Create,
    EnvFiles,
    Extend,
    Finding,
    Fix,
    Options,
    Path,
    Safety,
    SecretFile,
    SecretLoad,
    Version,
    exported_names,
    is_name,
    kept_out,
    lines_for_ruby,
    may_hold_secrets,
    placed_secrets,
    read_by_configs,
    secret_lines,
    secret_loads,
    speaks_kamal_2,
    unknown_secrets,
)

CODEMOD = Codemod(
    "Say in .kamal/secrets where each secret comes from",
    findings=(
        *("file", "ruby", "name", "several-lines", "not-ignored", "template"),
        *("elsewhere", "erb-names", "erb-env", "dockerignore"),
    ),
    since=Version(2),
)

PRINTS, ALIASES = Version(2, 1), Version(2, 6)
DOCKERIGNORE = ".dockerignore"


def decide_app(app: App, options: Options) -> Iterator[Finding]:
    """What only ERB tells, the files of secrets, then what no line can say."""
    ways, env = secret_loads(app, options.to, options.source), EnvFiles(app)
    yield from _named_by_erb(app, env, ways, options)
    yield from _reads_env(app, env, ways, options)
    planned = placed_secrets(env, ways, values=options.secrets_from_env_file)
    for path in env.unreadable if planned else ():
        todo = "close its ERB tags, then run again"
        yield _manual("secrets/template", (path,), f"{path} has an ERB tag that is never closed", todo, path)
    old = _is_old(app, options)
    files = [found for file in planned if old and (found := _file(app, file, options))]
    yield from files
    yield from _odd(app, ways, options)
    yield from _by_hand(planned, options)
    yield from _kept_out_of_images(app, [finding for finding in files if finding.fix])


def _file(app: App, file: SecretFile, options: Options) -> Finding | None:
    """The lines that one file of secrets gets, or why not; None where it has them all."""
    sources, path, there = list(file.sources.values()), file.path, app.has(file.path)
    private = any(source.kind == "value" for source in sources)
    where, line = (path, 1) if there else _named(app, file)
    if not there and not may_hold_secrets(path):
        message = f"`secrets_path` says {path}, which is not read here, so that its lines are not known"
        todo = "see that it has a line for each secret that the config names, such as NAME=$NAME"
        return _manual("secrets/elsewhere", (path,), message, todo, where, line)
    if private and not app.ignored(path):
        message = f"values would be written to {path}, and git does not ignore it"
        return _manual(
            "secrets/not-ignored", (path,), message, f"add {path} to .gitignore, then run again", where, line
        )
    present = app.text(path).splitlines()
    lines = tuple(row for row in secret_lines(file) if row not in present)
    if not lines:
        return None
    text = "".join(f"{row}\n" for row in (*_header(file, options, private=private), *lines))
    return Finding(
        "secrets/file",
        (path,),
        f"Kamal 2 never reads .env; it takes secrets from {path}",
        Safety.REVIEW,
        Fix(files=(Extend(path, lines, private) if there else Create(path, text, private),)),
        evidence=" and ".join(dict.fromkeys(source.file for source in sources if source.file)),
        notes=tuple(_notes(app, file, options, private=private)),
        file=where,
        line=line,
        environment=exported_names(file),
    )


def _named(app: App, file: SecretFile) -> tuple[str, int]:
    """Where a config first names one of the secrets of a file."""
    spot = file.loads[0].names[next(iter(file.sources))]
    return _inside(app, spot.config), spot.line


def _inside(app: App, path: str) -> str:
    """A config's path as the app sees it."""
    return path.removeprefix(f"{app.root}/") if app.root else path


def _header(file: SecretFile, options: Options, *, private: bool) -> Iterator[str]:
    """The comment at the top of a file that comes."""
    yield "# The secrets that Kamal passes on: their values, or where they come from."
    yield "# There are values in here: keep it out of git." if private else "# No values in here: commit it."
    if options.to >= PRINTS:
        names = {load.destination for load in file.loads}
        destination = "" if names == {""} else f" -d {' or '.join(sorted(names - {''}))}"
        yield f"# To see what they are: kamal secrets print{destination}"


def _notes(app: App, file: SecretFile, options: Options, *, private: bool) -> Iterator[str]:
    """Vaults that have an adapter, conditions that are gone, and a file that git need not ignore."""
    sources = list(file.sources.values())
    for adapter, source in {source.adapter: source for source in sources if source.adapter}.items():
        fits = adapter.instead and adapter.since <= options.to
        instead = f"; `{adapter.instead}` could take its place" if fits else ""
        yield f"`{source.name}` asks {adapter.vault}, which goes on working{instead}"
    conditional = [source for source in sources if source.conditional]
    if conditional:
        names = ", ".join(f"`{source.name}`" for source in conditional)
        yield f"{conditional[0].file} has {names} inside a condition; the lines here have none"
    if options.secrets_from_env_file and not private:
        named = [source.file for source in sources if source.file]
        template = next((name for name in named if name.endswith(".erb")), "")
        if template:
            yield f"no value is copied: {template} says where they are"
        elif not named:
            yield "no value is copied: no .env has one"
    if app.ignored(file.path) and not private:
        yield f"git ignores {file.path}; it holds no values, and can be committed"


def _by_hand(planned: list[SecretFile], options: Options) -> Iterator[Finding]:
    """What no line can say."""
    sources = [source for file in planned for source in file.sources.values()]
    told = {(source.name, source.kind, source.file): source for source in sources}
    for (name, *_), source in told.items():
        if source.kind == "ruby":
            message = f"Ruby in {source.file} makes `{name}`; a file of secrets can only run commands"
            same = [file.path for file in planned if (own := file.sources.get(name)) and own.kind == "ruby"]
            paths = " and ".join(same)
            lines = lines_for_ruby(name, source.ruby, options.to) or "NAME=$(command)"
            todo = f"write it into {paths} as {lines}, or as NAME=$NAME and export it"
            yield _manual("secrets/ruby", (name,), message, todo, source.file, source.line)
        elif source.kind == "unsayable":
            message = f"no line can hold the value of `{name}` so that Kamal 2 passes it on as it is"
            todo = "export it without line breaks (base64, for one); the line takes it from the environment"
            yield _manual("secrets/several-lines", (name,), message, todo, source.file, source.line)


def _manual(finding: str, key: Path, message: str, todo: str, file: str, line: int = 1) -> Finding:
    return Finding(finding, key, message, Safety.MANUAL, todo=todo, file=file, line=line)


def _odd(app: App, ways: Iterable[SecretLoad], options: Options) -> Iterator[Finding]:
    """Names that no file of secrets can have."""
    found = {name: load for load in ways for name in load.missing if not is_name(name)}
    for name, load in found.items():
        spot, plain = load.names[name], "".join(c if is_name(c) else "_" for c in name)
        message = f"no file of secrets can have `{name}`: a name is letters, digits, `_` and `.`"
        todo = f"call it `{plain}`"
        if ":" in name:
            message, todo = f"Kamal {options.to.short} knows no aliases (2.6 does)", "name the secret itself"
        elif options.to >= ALIASES and "env" in spot.key:
            line = f"`{plain}=${plain}` into the file of secrets"
            todo = f"write `{name}:{plain}` there, which keeps the name in the container, and {line}"
        yield _manual("secrets/name", spot.key, message, todo, _inside(app, spot.config), spot.line)


def _named_by_erb(app: App, env: EnvFiles, ways: Iterable[SecretLoad], options: Options) -> Iterator[Finding]:
    """Names and paths that only Ruby knows; what the `.env` files set besides may be among them."""
    known = {*(name for load in ways for name in load.names), *(name for name, *_ in read_by_configs(app))}
    more = [name for name in env.provided if is_name(name) and name not in known]
    files = " and ".join(dict.fromkeys(env.provided[name] for name in more))
    hint = f"; besides, {files} has {', '.join(f'`{name}`' for name in more)}" if more else ""
    for spot in unknown_secrets(app, options.to):
        message = f"ERB {'may name secrets' if spot.key == ('env',) else 'says the names of secrets'} here"
        todo = f"see that .kamal/secrets has a line for each{hint}"
        if spot.key == ("secrets_path",):
            message, todo = "ERB says where the secrets are", "write the lines for them by hand"
        yield _manual("secrets/erb-names", spot.key, message, todo, _inside(app, spot.config), spot.line)


def _is_old(app: App, options: Options) -> bool:
    """Whether the app comes from Kamal 1; that a lock file names Kamal 2 already tells nothing."""
    known = options.source if options.source and options.source < Version(2) else None
    return not all(speaks_kamal_2(view, known) for view in app.views)


def _reads_env(app: App, env: EnvFiles, ways: Iterable[SecretLoad], options: Options) -> Iterator[Finding]:
    """ERB in the configs that reads what `.env` said."""
    lines: dict[str, dict[str, int]] = {}
    old = _is_old(app, options)
    # A .env beside a config of Kamal 2 is for something else, unless the secrets come from it as well.
    counts = old or env.feeds({path for load in ways for path in (load.common, load.own)})
    for name, config, line in read_by_configs(app):
        if name in env.provided and (counts or env.provided[name].endswith(".erb")):
            lines.setdefault(config, {}).setdefault(name, line)
    for config, names in lines.items():
        said = ", ".join(f"`{name}`" for name in names)
        path = _inside(app, config)
        message = f"ERB reads {said} from .env, which Kamal 2 does not load"
        todo = f"export {'it' if len(names) == 1 else 'them'}, or add `{_loading(env)}` at the top of {path}"
        yield _manual("secrets/erb-env", (config,), message, todo, path, min(names.values()))


def _loading(env: EnvFiles) -> str:
    """The ERB that loads what Kamal 1 loaded."""
    own = any(path.startswith(".env.") and path != ".env.erb" for path in env.paths)
    files = '".env.#{ENV["KAMAL_DESTINATION"]}", ".env"' if own else '".env"'
    return f'<% require "dotenv"; Dotenv.load({files}) %>'


def _kept_out_of_images(app: App, files: Iterable[Finding]) -> Iterator[Finding]:
    """Values stay out of images where `.env` did."""
    ignore = app.text(DOCKERIGNORE)
    made = [change for finding in files if finding.fix for change in finding.fix.files]
    private = [made for made in made if isinstance(made, (Create, Extend)) and made.private]
    open_paths = tuple(f"/{change.path}" for change in private if not kept_out(ignore, change.path))
    if open_paths and kept_out(ignore, ".env"):
        message = f"{DOCKERIGNORE} keeps .env out of the image, and would let its values in"
        fix = Fix(files=(Extend(DOCKERIGNORE, open_paths),))
        yield Finding("secrets/dockerignore", (DOCKERIGNORE,), message, Safety.REVIEW, fix, file=DOCKERIGNORE)
