"""What fails while the image is built, pushed or pulled (history B.2, B.3, C and F.3)."""

from kamal_migrate.diagnosing.cause import Cause, Hint, Sign, Way

# The names that Kamal gives a cache: IMAGE-build-cache, or the tag that is proposed here.
PUSHES_CACHE = r"failed to push \S*[-:]build-cache\b"

NO_BUILDER = Cause(
    id="no-builder",
    title="The builder that Kamal wants is not there, and could not be made",
    signs=(
        Sign("no builder ", r'no builder "[^"]+" found'),
        Sign("context not found", r"context not found|context \"[^\"]+\": context not found"),
        Sign("Couldn't create remote builder"),
    ),
    settled_by=(
        Sign("instance using", r'building with "[^"]+" instance using'),
        Sign("load build definition from"),
    ),
    why=(
        "Kamal builds with a buildx builder of its own. Where there is none, it says so and makes one; that"
        " this is the last word means that making it failed, most often because Docker does not run here or"
        " the remote builder cannot be reached by ssh."
    ),
    versions="every version; up to 1.6.0 it is found only by a build that fails",
    ways=(
        Way("see what is there", "docker buildx ls"),
        Way("make it anew", "kamal build remove && kamal build create"),
        Way("with a remote builder: log in there as Kamal does, and run `docker version`"),
    ),
)

CACHE_EXPORT = Cause(
    id="cache-export",
    title="The build cache cannot be exported",
    signs=(
        Sign("export is not supported for the docker driver"),
        Sign("cache export feature is currently not supported for docker driver"),
        Sign("error writing manifest blob"),
        Sign("error writing layer blob"),
        Sign("error writing config blob"),
        Sign("This legacy service is shutting down"),
        Sign("failed to push ", PUSHES_CACHE),
    ),
    shown_with=(Sign("exporting cache to "),),
    why=(
        "The image is built, but the registry does not take the cache, or the builder cannot make one."
        " Without `image` below `cache`, Kamal puts it into a repository of its own, IMAGE-build-cache, which"
        " has to exist and be writable."
    ),
    versions="0.14.0 and newer, where `builder.cache` is set",
    ways=(
        Way("put the cache into the app's own repository: `image: OWNER/APP:build-cache` below `cache`"),
        Way(
            "Amazon ECR takes a cache with `options: mode=max,image-manifest=true,oci-mediatypes=true` only,"
            " from BuildKit 0.12 on"
        ),
        Way("`driver: docker` exports no cache: leave it out, or turn on Docker's containerd image store"),
        Way("or go without: delete `cache`"),
    ),
    hints=(
        Hint(r"docker driver", "the builder has the docker driver: it is what `driver` or the selected"
             " builder says, not the registry"),
        Hint(r"gitlab", "GitLab takes images below a project only: PROJECT-build-cache is beside it, so name"
             " GROUP/PROJECT:build-cache"),
        Hint(r"docker\.io|Docker Hub|insufficient_scope", "Docker Hub: the token must be allowed to write"
             " that repository, and the name begins with its owner"),
        Hint(r"legacy service", "GitHub turned off its old cache service in 2025; `type: gha` needs a new"
             " buildx, and Kamal 2.9.0 or newer, which hands on the new URL"),
    ),
)  # fmt: skip

IMAGE_NOT_PUSHED = Cause(
    id="image-not-pushed",
    title="The image stayed in the builder, so there is nothing to push",
    signs=(Sign("An image does not exist locally with the tag"), Sign("tag does not exist: ")),
    shown_with=(
        Sign("instance using", r'building with "[^"]+" instance using (?!docker driver)'),
        Sign("No output specified with"),
    ),
    why=(
        "With `multiarch: false` Kamal 1 runs `docker build` and then `docker push`. Since Docker 23 the"
        " first is a buildx build, with whatever builder is selected. A docker-container builder leaves the"
        " image in its cache, and the push finds none. Kamal 1 itself selects such a builder (`docker buildx"
        " create --use`) for every app without `multiarch: false`, docker/setup-buildx-action does it in CI,"
        " and nothing ever switches back (basecamp/kamal#771)."
    ),
    versions="0.1.0 to 1.9.3 with `multiarch: false` and no cache; never Kamal 2, whose builds push",
    ways=(
        Way(
            "say what is built, so that the build itself pushes: `arch` in Kamal 2, `local: {arch: …}` in 1.9"
            " (`--to 1.9` stays there)"
        ),
        Way("at once, without a change: select Docker's own builder", "docker buildx use default"),
    ),
    codemod="builder",
)

SERVICE_LABEL = Cause(
    id="service-label",
    title="The image lacks the label `service`",
    # Kamal's own command, which it shows before it runs it, says the same in an `echo`.
    signs=(
        Sign("is missing the ", r"""(?<!echo ")(?<!echo \\")Image \S+ is missing the ['`]service"""),
    ),
    why=(
        "After a pull Kamal looks for the label service=NAME, with the `service` of the config. An image that"
        " something else than Kamal builds has none, nor has one of before `service` was renamed."
    ),
    versions="1.0.0 and newer",
    ways=(
        Way("label it where it is built: `LABEL service=NAME` in the Dockerfile, `labels:` of"
            " docker/build-push-action, or `docker build --label service=NAME`"),
        Way("or let Kamal build it", "kamal build push"),
    ),
)  # fmt: skip

NO_MATCHING_MANIFEST = Cause(
    id="no-matching-manifest",
    title="A server pulls an image that was not built for its architecture",
    signs=(Sign("no matching manifest for "), Sign("no match for platform in manifest")),
    why=(
        "An app has one image, built for what `arch` says; Kamal compares that with no server. Kamal 2.1.1 to"
        " 2.5.3 pull it also on hosts that run accessories only (basecamp/kamal#1148), and an accessory's own"
        " image can lack an architecture too."
    ),
    versions="every version; on hosts of accessories alone 2.1.1 to 2.5.3, fixed in 2.6.0",
    ways=(
        Way("use Kamal 2.6.1 or newer, if the host runs accessories only"),
        Way("or build for all: `arch: [amd64, arm64]`, slower where one of them is emulated"),
        Way(
            "or name all roles, which leaves such hosts out (`setup` installs no Docker there then); up to"
            " 2.5.3 their accessories are booted all the same",
            "kamal deploy -r web",
        ),
        Way("see what a server runs", "uname -m"),
    ),
)

EXEC_FORMAT_ERROR = Cause(
    id="exec-format-error",
    title="A program of another architecture was started",
    signs=(Sign("exec format error"), Sign("Exec format error")),
    shown_with=(Sign("does not match the detected host platform"),),
    why=(
        "The image is for another architecture than the machine that starts it. On a server: `arch` is not"
        " what it runs. In the build: the machine that builds emulates the architecture, and has no emulator."
    ),
    versions="every version; `multiarch: false` builds for whatever machine runs Kamal",
    ways=(
        Way("on a server: set `arch` to what `uname -m` says there (x86_64: amd64, aarch64: arm64)"),
        Way(
            "in the build: install the emulators",
            "docker run --privileged --rm tonistiigi/binfmt --install all",
        ),
        Way("or build on a machine of that architecture: `remote: ssh://…` with `local: false`"),
        Way(
            "with `multiarch: false`, which builds for whatever machine runs Kamal: say it in the config",
            "kamal-migrate --select builder",
        ),
    ),
    codemod="builder",
)  # fmt: skip

BUILDING = (
    NO_BUILDER,
    CACHE_EXPORT,
    IMAGE_NOT_PUSHED,
    SERVICE_LABEL,
    NO_MATCHING_MANIFEST,
    EXEC_FORMAT_ERROR,
)
