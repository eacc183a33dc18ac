# Three images of one file:
#
#   docker build --target adapter --tag $REGISTRY/vcenter-source-adapter:0.2.0 .
#   docker build --target function --tag $REGISTRY/vcenter-source-function:0.2.0 .
#   docker build --target pytag --tag $REGISTRY/vcenter-source-pytag:0.2.0 .

FROM python:3.13-slim-trixie AS wheels
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

FROM wheels AS adapter-venv
COPY pyproject.toml README.md LICENSE ./
COPY adapter ./adapter
COPY functions/vcenter_functions ./functions/vcenter_functions
COPY simulator ./simulator
RUN pip --python /opt/venv/bin/python install --no-cache-dir --no-index --find-links wheels --no-compile \
        --require-hashes --requirement requirements.lock \
    && pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir project . \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-index --no-deps --no-compile project/*.whl \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/venv

FROM wheels AS function-venv
RUN pip --python /opt/venv/bin/python install --no-cache-dir --no-index --find-links wheels --no-compile \
        --require-hashes --requirement functions/requirements.lock
COPY functions/vcenter_functions /opt/venv/lib/python3.13/site-packages/vcenter_functions
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/venv

FROM function-venv AS pytag-venv
COPY functions /opt/venv/lib/python3.13/site-packages/
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/venv

# What all run on: Python alone, no pip. Bytecode is written now, since the root may be read-only later, and Python's
# image comes without any: compiling what the adapter imports would take longer than all the rest of its start.
FROM python:3.13-slim-trixie AS runtime
RUN python -m pip uninstall --yes --root-user-action=ignore pip \
    && rm -r /usr/local/lib/python3.13/ensurepip \
    && python -m compileall -q --invalidation-mode unchecked-hash \
        -x '/(idlelib|lib2to3|pydoc_data|test|tests|tkinter|turtledemo)/' /usr/local/lib/python3.13
ENV PATH=/opt/venv/bin:$PATH \
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
