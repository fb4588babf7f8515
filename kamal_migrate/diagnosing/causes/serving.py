"""What fails when the proxy and the app are started (history D.2, D.5 and J)."""

from kamal_migrate.diagnosing.cause import Cause, Hint, Sign, Way

PROXY_TOO_OLD = Cause(
    id="proxy-too-old",
    title="The kamal-proxy on a server is too old for this Kamal",
    signs=(Sign("kamal-proxy version ", r"kamal-proxy version \S+ is too old"),),
    why=(
        "Kamal starts kamal-proxy once and then leaves it running. A newer Kamal wants a newer one: 2.0 wants"
        " 0.6.0, 2.1 0.7.0, 2.2.0 0.8.0, 2.2.1 0.8.1, 2.3 0.8.2, 2.4 and 2.5 0.8.4, 2.6 to 2.10 0.9.0, 2.11"
        " and 2.12 0.9.2."
    ),
    versions="2.0.0 and newer, after an update of Kamal",
    ways=(
        Way("start the new one on each server; requests fail for some seconds", "kamal proxy reboot"),
        Way("with several servers behind a balancer, one after the other", "kamal proxy reboot --rolling"),
    ),
)

PORTS_IN_USE = Cause(
    id="ports-in-use",
    title="Port 80 or 443 of a server is taken",
    signs=(
        Sign("port is already allocated", r":(?:80|443)\b"),
        Sign("address already in use", r":(?:80|443)\b"),
    ),
    why=(
        "kamal-proxy takes ports 80 and 443 of each server with a proxied role. Traefik of Kamal 1, another"
        " web server or an accessory has one of them. `app_port` is the port of the app in its container and"
        " changes nothing here."
    ),
    versions="2.0.0 and newer for kamal-proxy; Traefik of Kamal 1 took port 80 in the same way",
    ways=(
        Way("see who has it, on the server", "sudo ss -ltnp 'sport = :80 or sport = :443'"),
        Way("after Kamal 1: this removes Traefik and starts kamal-proxy", "kamal upgrade"),
        Way("behind another web server: give kamal-proxy other ports, `http_port` and `https_port` below"
            " `proxy.run` (2.10.0 and newer), or before that",
            "kamal proxy boot_config set --http-port 8080"),
    ),
)  # fmt: skip

UNHEALTHY_TARGET = Cause(
    id="unhealthy-target",
    title="The app did not answer its health check",
    signs=(
        Sign("target failed to become healthy"),
        Sign("container not ready after", r"container not ready after \d+ seconds"),
        Sign("container not ready (", r"container not ready \([^)]*\)\s*$"),
    ),
    shown_with=(
        Sign("Healthcheck failed"),
        Sign("Blocked hosts: "),
        Sign("unexpected status (", r"unexpected status \(\d+\)"),
    ),
    why=(
        "kamal-proxy asks the container for `path` (/up) on `app_port` (80 if nobody says), and wants a"
        " status of 200 to 299 within `deploy_timeout` (30 seconds). It comes over Docker's network with the"
        " container's id as Host. Kamal 1 asked inside the container, and took a redirect too. A role"
        " without a proxy is asked by Docker, with the image's own health check."
    ),
    versions="`target failed to become healthy`: 2.0.0 and newer; `container not ready`: every version",
    ways=(
        Way("read what the app says", "kamal app logs --lines 100"),
        Way("set `proxy.app_port` to the port that the app listens on, on 0.0.0.0 and not on 127.0.0.1"),
        Way("let `healthcheck.path` answer 200 without a redirect or a login, whatever the Host"),
        Way("give a slow start more time: `deploy_timeout`"),
        Way(
            "from Kamal 1: have port, path and times taken over from Traefik's labels and `healthcheck`",
            "kamal-migrate --select proxy",
        ),
    ),
    codemod="proxy",
    hints=(
        Hint(r"unexpected status \(3\d\d\)", "the app redirects; a redirect is no success: exempt the path,"
             " in Rails by `config.ssl_options`"),
        Hint(r"unexpected status \((?:400|403|421)\)|Blocked hosts", "the app refuses the Host header: exempt"
             " the path, in Rails by `config.host_authorization`"),
        Hint(r"unexpected status \(401\)", "the app wants a login on that path"),
        Hint(r"unexpected status \(404\)", "the app has no such path: set `healthcheck.path`"),
        Hint(r"unexpected status \(5\d\d\)", "the app itself fails: read its log"),
        Hint(r"connection refused", "nobody listens there: another port, only 127.0.0.1, or the app ended"),
        Hint(r"request timed out", "the app takes the request and does not answer in time"),
        Hint(r"container not ready", "this role has no proxy before it, or Kamal 1 deployed it"),
    ),
)  # fmt: skip

SERVING = (PROXY_TOO_OLD, PORTS_IN_USE, UNHEALTHY_TARGET)
