# Three images of one file:
#
#   docker build --target adapter --tag $REGISTRY/vcenter-source-adapter:0.2.0 .
#   docker build --target function --tag $REGISTRY/vcenter-source-function:0.2.0 .
#   docker build --target pytag --tag $REGISTRY/vcenter-source-pytag:0.2.0 .

# The whole image of Python, since it has strip: symbols for debuggers are a fifth of what the functions need.
FROM python:3.13-trixie AS wheels
WORKDIR /build
COPY requirements.lock requirements-dev.lock ./
COPY functions/requirements.lock ./functions/
# Each wheel has one of the hashes in the lock, and nothing is compiled. What is installed below comes from here alone.
# The project is built by the locked hatchling; awk takes it and what it needs out of the lock for development.
RUN pip download --no-cache-dir --require-hashes --only-binary :all: --requirement requirements.lock --dest wheels \
    && pip download --no-cache-dir --require-hashes --only-binary :all: --requirement functions/requirements.lock --dest wheels \
    && awk '/^[a-z]/ {wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/} wanted' \
        requirements-dev.lock > hatchling.lock \
    && pip install --no-cache-dir --require-hashes --only-binary :all: --requirement hatchling.lock \
    && python -m venv --without-pip /opt/venv

# Of the kubernetes package, the adapter uses the configuration, the credentials and the HTTP client: 4 of 120 MB.
FROM wheels AS adapter-venv
COPY pyproject.toml README.md LICENSE ./
COPY adapter ./adapter
COPY functions/vcenter_functions ./functions/vcenter_functions
COPY simulator ./simulator
RUN pip --python /opt/venv/bin/python install --no-cache-dir --no-index --find-links wheels --no-compile \
        --require-hashes --requirement requirements.lock \
    && pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir project . \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-index --no-deps --no-compile project/*.whl \
    && cd /opt/venv/lib/python3.13/site-packages/kubernetes && rm -r aio \
    && find client/api client/models -name '*.py' ! -name __init__.py -delete \
    && find /opt/venv -name '*.so*' -type f -exec strip --strip-debug {} + \
    && /opt/venv/bin/python -B -c 'import aiohttp, httptools, msgspec, orjson, pydantic, uvloop, yaml' \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/venv

FROM wheels AS function-venv
RUN pip --python /opt/venv/bin/python install --no-cache-dir --no-index --find-links wheels --no-compile \
        --require-hashes --requirement functions/requirements.lock \
    && find /opt/venv -name '*.so*' -type f -exec strip --strip-debug {} + \
    && /opt/venv/bin/python -B -c 'import aiohttp, asyncpg, orjson, pydantic, yaml'
COPY functions/vcenter_functions /opt/venv/lib/python3.13/site-packages/vcenter_functions
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/venv

FROM function-venv AS pytag-venv
COPY functions /opt/venv/lib/python3.13/site-packages/
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/venv

# What all run on: Python, the libraries that it and any manylinux wheel load, authorities, time zones. No shell, no pip.
# It is copied out of Python's image, since what a later layer deletes still lies in the layer below. The files in
# status.d tell a scanner which of Debian's packages are there. Bytecode is written now, since the root may be read-only
# later, and Python's image comes without any: compiling what the adapter imports would take longer than all the rest of
# its start. By du of its files, the adapter is 131 MB, Python's image alone 122 MB; CONTRIBUTING.md says how to measure.
FROM python:3.13-slim-trixie AS python
RUN cd /usr/local/lib/python3.13 \
    && rm -rf config-* ensurepip idlelib lib-dynload/*test* pydoc_data site-packages/* test tkinter turtledemo \
    && python -m compileall -q --invalidation-mode unchecked-hash . \
    && mkdir -p -m 1777 /image/tmp && mkdir -p /image/var/lib/dpkg/status.d \
    && cp -a --parents -t /image /usr/local/bin/python* /usr/local/lib/libpython3* /usr/local/lib/python3.13 \
        /etc/group /etc/ld.so.cache /etc/nsswitch.conf /etc/os-release /etc/passwd /etc/protocols /etc/services \
        /etc/ssl /usr/lib/os-release /usr/lib/ssl /usr/share/ca-certificates /usr/share/zoneinfo \
    && ldd /usr/local/bin/python3.13 $(find /usr/local -name '*.so*' -type f) /usr/lib/*/libstdc++.so.6 > /tmp/needs \
    && { awk '/=> \// {print $3} /^\t\// {print $1}' /tmp/needs; cd /usr/lib; \
        ls "$PWD"/*/libstdc++.so.6 "$PWD"/*/libdl.so.2 "$PWD"/*/libpthread.so.0 "$PWD"/*/librt.so.1 "$PWD"/*/libutil.so.1; } \
        | grep -v ^/usr/local | sort -u > /tmp/libraries \
    && xargs cp -L --parents -t /image < /tmp/libraries \
    && xargs realpath < /tmp/libraries | xargs dpkg -S | cut -d: -f1 | sort -u \
    | while read -r package; do dpkg -s "$package" > "/image/var/lib/dpkg/status.d/$package"; done

FROM scratch AS runtime
COPY --from=python /image /
ENV PATH=/opt/venv/bin:/usr/local/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
ARG VERSION=0.2.0
ARG REVISION=unknown
LABEL org.opencontainers.image.version=$VERSION \
    org.opencontainers.image.revision=$REVISION \
    org.opencontainers.image.licenses=Apache-2.0 \
    org.opencontainers.image.base.name=docker.io/library/python:3.13-slim-trixie
# A number, so that Kubernetes can see that it is not root. No HEALTHCHECK: Kubernetes ignores it and has its own probes.
USER 65532:65532
STOPSIGNAL SIGTERM

# The kit alone. A ConfigMap, or an image built on this one, brings the handler.
FROM runtime AS function
LABEL org.opencontainers.image.title=vcenter-source-function \
    org.opencontainers.image.description="Serves the handlers of a file to events of vCenter"
COPY --from=function-venv /opt/venv /opt/venv
EXPOSE 8080
ENTRYPOINT ["python", "-m", "vcenter_functions"]
CMD ["/function/handler.py"]

FROM runtime AS pytag
LABEL org.opencontainers.image.title=vcenter-source-pytag \
    org.opencontainers.image.description="Puts a vSphere tag on the object that an event is about"
COPY --from=pytag-venv /opt/venv /opt/venv
EXPOSE 8080
ENTRYPOINT ["python", "-m", "pytag"]

FROM runtime AS adapter
LABEL org.opencontainers.image.title=vcenter-source-adapter \
    org.opencontainers.image.description="vCenter's events as CloudEvents, to a Knative Broker or any HTTP sink"
COPY --from=adapter-venv /opt/venv /opt/venv
EXPOSE 8081
ENTRYPOINT ["vcenter-source"]
CMD ["run"]
