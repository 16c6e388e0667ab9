# The gateway as an image. The first stage builds PJSIP and installs the Python packages; the last one holds no compiler.
#
#   docker build --tag pbx-twilio-gateway .
#
# How to run it: README.md, "Deploy". Debian's packages come in their current version, so build again for their fixes.

FROM debian:12-slim AS build
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /build

COPY config/apt-packages.txt config/
RUN apt-get update \
    && sed -n '/^\[build\]/,/^\[/{/^[a-z]/p}' config/apt-packages.txt \
        | xargs apt-get install --yes --no-install-recommends

# Two to four minutes, and again only after a change in config/pjsip.
COPY config/pjsip config/pjsip
RUN XDG_CACHE_HOME=/build/cache python3 config/pjsip/build.py

# Compiled packages come as wheels or not at all; nothing in the image installs more later, so pip does not stay.
COPY pyproject.toml LICENSE ./
COPY gateway gateway
RUN python3 -m venv /opt/gateway \
    && /opt/gateway/bin/pip install --no-cache-dir --only-binary=:all: cache/pbx-twilio-gateway/wheels/*.whl . \
    && /opt/gateway/bin/pip uninstall --yes setuptools pip


FROM debian:12-slim
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]

# The ids are fixed, so that the owner of mounted files can be.
COPY config/apt-packages.txt /tmp/
RUN apt-get update \
    && sed -n '/^\[run\]/,/^\[/{/^[a-z]/p}' /tmp/apt-packages.txt \
        | xargs apt-get install --yes --no-install-recommends \
    && rm -rf /var/lib/apt/lists/* /tmp/apt-packages.txt \
    && groupadd --gid 10001 gateway \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir / --shell /usr/sbin/nologin gateway

COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH
USER 10001:10001

# SIP, and admin HTTP where admin.listen says 0.0.0.0. Audio needs media.rtp_ports too: thousands, so use the host's
# network instead of publishing them.
EXPOSE 5060/udp 5060/tcp 5061/tcp 9464/tcp

# SIGTERM drains: give it time, `docker run --stop-timeout` of limits.drain_seconds and a minute.
STOPSIGNAL SIGTERM

# For the default port of admin.listen.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
    CMD ["python3", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 9464, timeout=4); c.request('GET', '/healthz'); exit(c.getresponse().status != 200)"]

ENTRYPOINT ["gateway"]
CMD ["run", "/etc/gateway/gateway.yaml"]
