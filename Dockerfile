# docker build -t mnist-gradients .
# docker run --rm -v "$PWD/data:/project/data" --user "$(id -u)" mnist-gradients
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src src
# The wheel of TensorFlow has no CUDA: the image computes on the CPU.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --constraint constraints.txt ".[download]"

FROM python:3.12-slim
COPY --from=build /venv /venv
ENV PATH="/venv/bin:$PATH" HOME=/tmp
RUN useradd --uid 1000 --create-home --home-dir /project mnist
USER 1000
WORKDIR /project
COPY conf conf
COPY --chown=1000 data/01_raw data/01_raw
ENTRYPOINT ["mnist-gradients"]
