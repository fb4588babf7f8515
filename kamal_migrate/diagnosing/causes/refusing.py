"""What Kamal refuses before it does anything: every `Kamal::ConfigurationError` of history A.2.

Kamal stops at the first; `kamal-migrate check` lists all of them. The wording is that of 2.0.0 to 2.12.0.
"""

from kamal_migrate.diagnosing.cause import Cause, Sign, Way
from kamal_migrate.diagnosing.causes.refusal import ALL, KIND, STRICT, TWO, refused
from kamal_migrate.diagnosing.causes.refusing_proxies import PROXIES

ARCH_NOT_SET = Cause(
    id="arch-not-set",
    title="The config does not say what to build for",
    signs=(Sign("Builder arch not set"),),
    why=(
        "Kamal 2 wants `arch` below `builder`, even where there was no builder section: Kamal 1 built for"
        " amd64 and arm64 then, and with `multiarch: false` for the machine that ran it."
    ),
    versions=TWO,
    ways=(
        Way("set `builder: {arch: amd64}`, or arm64, or both, as `uname -m` says on the servers"),
        ALL,
    ),
    codemod="builder",
)

_KEYS = (
    refused(
        "traefik",
        "Kamal 2 knows no `traefik` and no `healthcheck` at the root",
        r"unknown keys?: (?:[\w-]+, )*(?:traefik|healthcheck)\b",
        "kamal-proxy took Traefik's place, and checks the app itself. An unpinned `gem install kamal`, or the"
        " image ghcr.io/basecamp/kamal:latest, is Kamal 2 (basecamp/kamal#991, #1244).",
        TWO,
        "rewrite both as `proxy`; or go on with Kamal 1: gem install kamal --version 1.9.2",
        "proxy",
    ),
    refused(
        "stop-wait-time",
        "`stop_wait_time` is now `drain_timeout`",
        r"unknown keys?: (?:[\w-]+, )*stop_wait_time\b",
        "Kamal 2 lets the proxy drain requests before a container stops.",
        TWO,
        "rename it; 2.12 has `stop_timeout` besides",
        "timeouts",
    ),
    refused(
        "old-keys",
        "A key that MRSK or an early Kamal 1 had",
        r"unknown keys?: (?:[\w-]+, )*(?:ssh_user|audit_broadcast_cmd|skip_master_key|primary_web_role)\b",
        "Kamal ignored unknown keys up to 1.6.0; since then each is an error.",
        STRICT,
        "rewrite it: `ssh: {user: …}`, a post-deploy hook, a secret, `primary_role`",
        "obsolete-keys",
    ),
    refused(
        "role-traefik",
        "Roles have `proxy` instead of `traefik` and `healthcheck`",
        r"servers/[^:]+: unknown keys?: (?:[\w-]+, )*(?:traefik|healthcheck)\b",
        "Which roles are served, and how they are checked, is said below their `proxy` in Kamal 2.",
        TWO,
        "write `proxy: true`, `proxy: false` or a mapping with `healthcheck`",
        "proxy",
    ),
    refused(
        "multiarch",
        "Kamal 2 knows no `multiarch`",
        r"builder: unknown keys?: (?:[\w-]+, )*multiarch\b",
        "`arch` says what is built: one architecture, or a list. `multiarch: false` meant that of the machine"
        " that runs Kamal, which no key says any more.",
        TWO,
        "name the architecture of the servers (`uname -m` there)",
        "builder",
    ),
    refused(
        "builder-nodes",
        "`local` and `remote` of the builder have another form",
        r"builder/(?:local: should be a boolean|remote: should be a string)",
        "In Kamal 2 `arch` is one list for both, `remote` is an address, and `local` says whether this"
        " machine builds too.",
        TWO,
        "write `arch`, `remote: ssh://…`, and `local: false` where the remote builds all",
        "builder",
    ),
    refused(
        "no-remote",
        "Nothing is left that could build",
        r"builder: Cannot disable local builds, no remote is set",
        "`local: false` leaves the building to `remote`, and there is none.",
        TWO,
        "set `remote`, or delete `local: false`",
    ),
    refused(
        "cache-type",
        "The cache has a type that Kamal does not know",
        r"(?:builder: )?Invalid cache type: ",
        "Kamal takes `gha` and `registry` only.",
        "0.14.0 and newer",
        "use `type: registry`, or `type: gha` on GitHub Actions",
    ),
    refused(
        "exposed-port",
        "The health check has no `exposed_port` any more",
        r"healthcheck: unknown keys?: (?:[\w-]+, )*exposed_port\b",
        "Up to 1.5.2 it was the port of a container that only checked; since then nothing reads it.",
        "1.7.0 to 1.9.3",
        "delete it",
        "proxy",
    ),
)

_REST = (
    refused(
        "restart",
        "`restart` among the docker options",
        r"(?:\S+: )?Cannot set restart policy in docker options",
        "Kamal itself starts containers with `--restart unless-stopped`.",
        "2.6.0 to 2.11.0; 2.12.0 takes it again",
        "delete it, or use 2.12.0",
        "docker-options",
    ),
    refused(
        "labels",
        "Labels that Kamal sets itself",
        r"(?:\S+: )?invalid label\. destination, role, and service are reserved labels",
        "Kamal finds its containers by the labels service, role and destination.",
        "2.7.0 and newer",
        "rename the label",
    ),
    refused(
        "accessory-host",
        "An accessory has no host, or several",
        r"(?:\S+: )?specify one of `host`, `hosts`",
        "Each accessory says where it runs, in one way.",
        "`host`, `hosts` or `roles`; from 2.6.0 on also `role`, `tag` and `tags`",
        "keep one of them",
    ),
    refused(
        "accessory-roles",
        "An accessory is on a role that is not there",
        r"accessories/[^:]+: unknown roles? ",
        "The roles are those below `servers`. Up to 2.3.0 Kamal crashed: undefined method `hosts' for nil.",
        "2.5.0 and newer",
        "name a role that is below `servers`",
    ),
    refused(
        "registry-name",
        "The registry's user name or password is no text",
        r"(?:\S+/)?registry/\w+: should be a string or an array with one string",
        "A number has to be quoted; a list holds the name of one secret.",
        STRICT,
        "quote it, or write a list of one name",
        "strict-types",
    ),
    refused(
        "service-name",
        "The service has a name that Kamal cannot use",
        r"Service name can only include",
        "The name becomes a part of names of containers.",
        "1.4.0 (lower case only), 1.5.0 and newer (upper case too)",
        "use letters, digits, `-` and `_`; another name is another app to Kamal, so remove the old"
        " containers first",
    ),
    refused(
        "env-mixed",
        "`env` has names beside `clear`, `secret` or `tags`",
        r"(?:\S+/)?env: unknown keys?: ",
        "Either all is plain, or plain values are below `clear`. A base and a destination that do it"
        " differently are mixed when they are merged.",
        STRICT,
        "put the plain ones below `clear`, in every file",
        "strict-types",
    ),
    refused(
        "env-tags",
        "`tags` are below the `env` of a role",
        r"(?:\S+/)?env: tags are only allowed in the root env",
        "Tags say what a host gets, whatever its roles.",
        "1.6.0 and newer",
        "move them to `env` at the root",
    ),
    refused(
        "minimum-version",
        "This Kamal is older than the config wants",
        r"Current version is \S+, minimum required is ",
        "`minimum_version` is there to stop an old gem.",
        "0.14.0 and newer",
        "install that version: in Gemfile.lock, bin/kamal or where CI installs it",
    ),
    refused(
        "ssl-pem",
        "One half of a certificate is missing",
        r"(?:\S+/)?proxy(?:/ssl)?: Missing (?:private_key_pem|certificate_pem) setting",
        "`certificate_pem` and `private_key_pem` name two secrets, and go together.",
        "2.7.0 and newer",
        "name both",
    ),
    refused(
        "missing",
        "Something that every config needs is missing",
        r"(?:Missing required configuration for|No servers (?:specified|or accessories)|You must specify a"
        r" destination|The primary_role )",
        "A base may leave it to its destinations; then it cannot be loaded without -d.",
        "every version",
        "say it in the config, or name the destination: kamal deploy -d NAME",
    ),
    refused(
        "types",
        "A value has another form than Kamal wants",
        r"\S+: should be an? (?:hash|array|string|integer|boolean)\b",
        "Since 1.7.0 every section is compared with an example: nothing (null) is no hash, a text no list,"
        ' "10" no integer. What a destination says comes on top of its base before that.',
        STRICT,
        "write it as the message says; delete a key that has no value",
        "strict-types",
    ),
    refused(
        "unknown-key",
        "A key that this Kamal does not know",
        r"(?:\S+: )?unknown keys?: ",
        "Misspelt, of another Kamal, or indented by mistake. Names beginning with `x-` are free, at the root"
        " only.",
        STRICT,
        "compare it with `kamal docs`; delete it, or indent it as meant",
        "strict-types",
    ),
    Cause(
        f"{KIND}/other",
        "Kamal refuses the config",
        (Sign("Kamal::ConfigurationError)"),),
        "Kamal loads, merges and checks the whole config before it does anything.",
        "1.7.0 and newer",
        (ALL,),
    ),
)

REFUSING = (ARCH_NOT_SET, *_KEYS, *PROXIES, *_REST)
