# Training and export. Serving is the tensorflow/serving image's work, over the same models folder.
#
#     docker build --tag tfapp .
#     docker run --rm --volume tfapp:/data tfapp demo
#     docker run --rm --volume "$PWD:/data" --user "$(id -u):$(id -g)" tfapp train experiment.toml
#
# With a GPU: docker build --build-arg "TENSORFLOW_EXTRAS=[and-cuda]" --tag tfapp:gpu .  and  docker run --gpus all ...
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ARG TENSORFLOW_EXTRAS=""
# seqeval is there as source only, which pip's old way of building cannot build any more.
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_USE_PEP517=1
WORKDIR /build
RUN python -m venv --without-pip /opt/tfapp
# The large and slow part first, so that a change of the code does not repeat it.
COPY requirements.txt requirements.lock requirements-build.lock ./
# What builds is locked, too: an environment that pip made to build in would take any version, unseen. Only the libraries
# of a GPU are not in the lock.
RUN pip --python /opt/tfapp/bin/python install --require-hashes --requirement requirements-build.lock \
    && pip --python /opt/tfapp/bin/python install --require-hashes --no-build-isolation --requirement requirements.lock \
    && if [ -n "${TENSORFLOW_EXTRAS}" ]; then \
        pip --python /opt/tfapp/bin/python install --requirement requirements.txt "tensorflow${TENSORFLOW_EXTRAS}"; \
    fi
COPY pyproject.toml README.md LICENSE ./
COPY serving/client serving/client
COPY tfapp tfapp
RUN pip --python /opt/tfapp/bin/python install --no-deps --no-build-isolation ./serving/client . \
    && pip --python /opt/tfapp/bin/python uninstall --yes setuptools-scm \
    && pip --python /opt/tfapp/bin/python check

FROM python:${PYTHON}-slim
RUN pip uninstall --yes setuptools wheel pip \
    && useradd --create-home --uid 1000 tfapp \
    && install --directory --owner tfapp --group tfapp /data
COPY --from=build /opt/tfapp /opt/tfapp
# Whatever is written lies under /data: runs/, models/, and the cache of presets and data sets. Another user than
# ours (--user) has no home folder, hence the rest.
ENV PATH=/opt/tfapp/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TFAPP_HOME=/data/.cache/tfapp \
    KERAS_HOME=/data/.cache/keras \
    HF_HOME=/data/.cache/huggingface \
    MPLCONFIGDIR=/tmp/matplotlib
USER 1000:1000
WORKDIR /data
VOLUME /data
ENTRYPOINT ["tfapp"]
CMD ["--help"]
