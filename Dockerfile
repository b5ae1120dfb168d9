# RiffBot in a container. The CPU variant:
#
#     docker build --tag riffbot .
#
# For an NVIDIA GPU take PyTorch from PyPI, which brings CUDA's libraries on Linux:
#
#     docker build --tag riffbot:cuda --build-arg TORCH_INDEX=https://pypi.org/simple .
#
# Or name one of PyTorch's own indexes, https://download.pytorch.org/whl/cu126 for example, where
# the host's driver is older. docs/server-owners.md says how to run it.

ARG PYTHON=3.11

# --- the page and the wheel, and an environment that they are installed in ---------------------

FROM python:${PYTHON}-slim-bookworm AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src

# The largest part comes first and by itself: it is built anew only when its version changes. Its
# own dependencies come from PyPI with the others, in the versions that were tested.
COPY constraints.txt ./
RUN python -m venv /opt/riffbot \
 && /opt/riffbot/bin/python -m pip install --no-deps --index-url "$TORCH_INDEX" \
      "$(grep '^torch==' constraints.txt)"

# The page; without a Node in the image, build.py takes the one from PyPI.
COPY web web
RUN python -m venv /opt/build \
 && /opt/build/bin/python -m pip install --constraint constraints.txt build hatchling \
 && /opt/build/bin/python web/build.py \
 && test -f riffbot/web/built/index.html

COPY . .
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir /dist . \
 && /opt/riffbot/bin/python -m pip install --constraint constraints.txt \
      "$(ls /dist/*.whl)[postgres]"

# --- what runs ----------------------------------------------------------------------------------

FROM python:${PYTHON}-slim-bookworm
# Data and settings lie in XDG_DATA_HOME/riffbot, compiled code and models from the hub in the cache
# beside them: with /tmp, the only places that are written to.
ENV PATH=/opt/riffbot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/var/lib/riffbot \
    XDG_DATA_HOME=/var/lib \
    XDG_CACHE_HOME=/var/lib/riffbot/.cache \
    RIFFBOT_HOST=0.0.0.0 \
    RIFFBOT_WEB_PORT=8765 \
    RIFFBOT_OPEN_BROWSER=false \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build /opt/riffbot /opt/riffbot
RUN groupadd --gid 10001 riffbot \
 && useradd --uid 10001 --gid riffbot --no-create-home --home-dir /var/lib/riffbot \
      --shell /usr/sbin/nologin riffbot \
 && install --directory --owner=riffbot --group=riffbot --mode=0700 /var/lib/riffbot
USER 10001:10001
WORKDIR /var/lib/riffbot
VOLUME /var/lib/riffbot
EXPOSE 8765
# An orderly stop takes up to 10 seconds: give `docker stop` 30.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=15s --start-period=120s --retries=3 \
  CMD ["riffbot", "health", "--live"]
ENTRYPOINT ["riffbot"]
