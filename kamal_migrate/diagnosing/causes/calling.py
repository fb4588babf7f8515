"""What fails before anything is built: commands that are gone, hooks, secrets, the registry's login."""

from kamal_migrate.diagnosing.cause import Cause, Hint, Sign, Way
from kamal_migrate.diagnosing.causes.building import PUSHES_CACHE
from kamal_migrate.diagnosing.causes.refusal import raised

# What is said of the cache is `cache-export`'s.
_NO_CACHE = rf"^(?!.*(?:error writing (?:layer|config|manifest)|{PUSHES_CACHE}))"

ENVIFY_GONE = Cause(
    id="envify-gone",
    title="Kamal 2 has no such command",
    signs=(
        Sign(
            "Could not find command",
            r'Could not find command "(?:envify|env|traefik|healthcheck|downgrade|broadcast)"',
        ),
    ),
    why=(
        "The commands of Kamal 1 for .env and Traefik are gone. Kamal 2.0.0 to 2.4.0 end with 0 on a command"
        " that they do not know, so a script goes on, and fails later for something else."
    ),
    versions="2.0.0 and newer; `healthcheck` is gone since 1.6.0, `downgrade` is in 1.9 only",
    ways=(
        Way("let the hooks and CI files be rewritten: `envify` and `env push` go, `traefik` becomes `proxy`"),
        Way("move what .env held to .kamal/secrets", "kamal-migrate --select secrets"),
    ),
    codemod="hooks",
)

TRAEFIK_HOOK = Cause(
    id="traefik-hook",
    title="Hooks still have the names of Kamal 1",
    signs=(Sign("these should be renamed to (pre|post)-proxy-reboot"),),
    why=(
        "The hooks pre-traefik-reboot and post-traefik-reboot are now pre-proxy-reboot and post-proxy-reboot."
        " As long as a file has the old name, Kamal 2 loads no config at all."
    ),
    versions="2.0.0 and newer",
    ways=(Way("rename the files; what they do with Traefik itself has to be written anew"),),
    codemod="hooks",
)

SECRET_NOT_FOUND = Cause(
    id="secret-not-found",
    title="A secret that the config names is defined nowhere",
    signs=(
        Sign("Secret '", r"Secret '[^']+' not found"),
        Sign("key not found: ", r'\(KeyError\): (?:.*: )?key not found: "[^"]+"'),
        Sign("key not found: ", raised('key not found: "[^"]+"', "KeyError")),
    ),
    why=(
        "Kamal 2 knows only the names that .kamal/secrets-common and .kamal/secrets define; with -d it reads"
        " .kamal/secrets.DESTINATION instead of .kamal/secrets. It never reads .env, and a variable that is"
        " merely exported is not found. Where a $(command) of a file names a program that is not installed,"
        " dotenv may pass over the whole file without a word, and none of its names is found. Kamal 1"
        " looked in the environment and in .env (`key not found`)."
    ),
    versions="`Secret … not found`: 2.0.0 and newer; `key not found`: up to 1.9.3",
    ways=(
        Way("define the name, for one in the environment as NAME=$NAME, in the file that is read"),
        Way("if the file has the name: see that each program in its commands is installed where Kamal runs"),
        Way("see what Kamal 2 finds; this prints the values", "kamal secrets print"),
    ),
    codemod="secrets",
)

EMPTY_REGISTRY_PASSWORD = Cause(
    id="empty-registry-password",
    title="The registry's user name or password is empty",
    signs=(
        Sign("annot perform an interactive login from a non TTY device"),
        # Kamal puts nothing behind `-p`, or behind `-u`, which takes `-p` for the name then.
        Sign("flag needs an argument: 'p' in -p"),
        Sign("requires at most 1 argument", r"""docker login['"] requires at most 1 argument"""),
        Sign("password is empty", r"(?:^|Error: |stderr: )password is empty"),
        Sign("username is empty", r"(?:^|Error: |stderr: )username is empty"),
        Sign("registry/", r"registry/(?:password|username): is required"),
    ),
    why=(
        "A line NAME=$NAME in .kamal/secrets is empty where NAME is not in the environment, and Kamal 2 says"
        " nothing: it calls `docker login` with nothing behind `-p` or `-u`, and Docker misses that, or wants"
        " to ask for it. `is required` means that the config itself has none, or that its ERB gave nothing."
    ),
    versions="2.0.0 and newer for .kamal/secrets; `is required`: 1.7.0 and newer",
    ways=(
        Way("export the variable where Kamal runs; in CI, hand the secret to the step that deploys"),
        Way("try the login alone", "kamal registry login"),
    ),
)

REGISTRY_LOGIN = Cause(
    id="registry-login",
    title="The registry refuses the login",
    signs=(
        Sign("unauthorized: ", _NO_CACHE + r".*unauthorized: "),
        Sign(
            "denied: ",
            _NO_CACHE
            + r".*?(?:/v2/\"?: |stderr: |daemon: |'docker login': |failed to push \S+: |^)denied: ",
        ),
        Sign("no basic auth credentials"),
        Sign("HTTP Basic: Access denied"),
        Sign("insufficient_scope: authorization failed", _NO_CACHE),
        Sign("failed to authorize: ", _NO_CACHE + r".*\b(?:401 Unauthorized|403 Forbidden)"),
        Sign(": 403 Forbidden", _NO_CACHE + r".*unexpected status from \w+ request to https?://\S+/v2/"),
    ),
    why=(
        "User name, token or server do not belong together, or the token may not do this: pushing needs the"
        " right to write, the servers that pull need the right to read."
    ),
    versions="every version",
    ways=(
        Way("check server, username and password below `registry`; use an access token, not a password"),
        Way("try the login alone", "kamal registry login"),
        Way(
            "after a change of the account: remove the builder, it keeps the old login (basecamp/kamal#1383)",
            "kamal build remove",
        ),
    ),
    hints=(
        Hint(r"ghcr\.io", "ghcr.io wants a token with `write:packages` (classic), no password"),
        Hint(r"gitlab", "GitLab wants a token with `read_registry` and `write_registry`; CI_JOB_TOKEN ends"
             " with its job, so servers cannot pull with it later"),
        Hint(r"\.dkr\.ecr\.", "a login to ECR lasts 12 hours: take the password from `aws ecr"
             " get-login-password` in .kamal/secrets"),
        Hint(r"docker\.io|incorrect username or password", "Docker Hub wants the user name, not the e-mail"
             " address, and a token with the right to write"),
    ),
)  # fmt: skip

CALLING = (ENVIFY_GONE, TRAEFIK_HOOK, SECRET_NOT_FOUND, EMPTY_REGISTRY_PASSWORD, REGISTRY_LOGIN)
