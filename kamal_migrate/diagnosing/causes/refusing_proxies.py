"""What Kamal 2 refuses below `proxy` (history A.2), in the wording of 2.0.0 to 2.12.0."""

from kamal_migrate.diagnosing.causes.refusal import TWO, refused

PROXIES = (
    refused(
        "proxy-healthcheck",
        "kamal-proxy's health check has fewer keys",
        r"(?:\S+/)?proxy/healthcheck: unknown keys?: ",
        "It has `path`, `interval` and `timeout`. The port is `app_port`; how long it may take is"
        " `deploy_timeout` at the root; a command cannot be run.",
        TWO,
        "move `port` to `proxy.app_port`, `max_attempts` to `deploy_timeout`, and delete `cmd`",
    ),
    refused(
        "seconds",
        "A number has quotes or a unit",
        r"(?:\S+/)?(?:app_port|interval|timeout|response_timeout|drain_timeout|deploy_timeout"
        r"|stop_timeout): should be an integer",
        'Kamal 2 takes seconds and ports as plain numbers: 10, not 10s, and 3000, not "3000".',
        TWO,
        "write the number alone",
        "strict-types",
    ),
    refused(
        "ssl-host",
        "TLS needs to know the host",
        r"(?:\S+/)?proxy: Must set a host to enable automatic SSL",
        "A certificate is for a name. It has to stand beside `ssl`: a role's own `proxy` is checked before it"
        " is merged with that of the root.",
        TWO,
        "set `host` or `hosts` beside `ssl: true`",
    ),
    refused(
        "ssl-servers",
        "TLS of kamal-proxy works on one server",
        r"SSL is only supported on a single server",
        "Each proxy would ask Let's Encrypt for itself, and only one of them is asked back.",
        "2.0.0 and newer; from 2.7.0 on a certificate of your own may be on several",
        "end TLS at a load balancer before the servers, or name `certificate_pem` and `private_key_pem` below"
        " `ssl` (2.7.0 and newer)",
    ),
    refused(
        "ssl-shared",
        "Two roles want TLS for the same host",
        r"Different roles can't share the same host for SSL",
        "The proxy sends all requests for a host to one role.",
        TWO,
        "give each role a host of its own, or `proxy: false` to all but one",
    ),
    refused(
        "host-and-hosts",
        "`host` and `hosts` are there together",
        r"(?:\S+/)?proxy: Specify one of 'host' or 'hosts', not both",
        "It is the merged config that counts: a base with `host` and a destination or role with `hosts` have"
        " both (basecamp/kamal#1832).",
        "2.1.0 and newer",
        "write `hosts`, a list, everywhere",
        "kamal-2",
    ),
    refused(
        "root-proxy",
        "`proxy` at the root is a mapping",
        r"proxy: should be a hash",
        "It cannot be switched off for all: the proxy of the primary role is on until the role says"
        " otherwise. Up to 2.6.0 `proxy: false` was taken, and did nothing (basecamp/kamal#1217).",
        "`true` and null: 2.0.0 and newer; `false`: 2.6.1 and newer",
        "delete it, or write `proxy: false` below the role",
        "kamal-2",
    ),
    refused(
        "proxy-run",
        "Two say how to start the one proxy of a host",
        r"Conflicting proxy run configurations for host",
        "A host has one kamal-proxy, whatever runs behind it. In 2.10.0 and 2.11.0 even equal settings"
        " conflict, as soon as two proxied roles share a host.",
        "2.10.0 and newer",
        "use 2.12.0 or newer with one `run` at the root, or one proxied role for each host",
        "kamal-2",
    ),
)
