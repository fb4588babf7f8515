# Build:  docker build -t kamal-migrate .
# Use it beside Kamal's own alias, in the folder of an app:
#   alias kamal-migrate='docker run -it --rm --user "$(id -u):$(id -g)" -v "${PWD}:/workdir" kamal-migrate'
FROM python:3.13-slim AS build
COPY . /source
RUN pip wheel --no-cache-dir --wheel-dir /wheels /source

FROM python:3.13-slim
# git tells whether a file has changes that are not committed yet; the mounted folder has another owner.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/* \
 && git config --system --add safe.directory /workdir
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels kamal-migrate
WORKDIR /workdir
ENTRYPOINT ["kamal-migrate"]
