# Training and prediction on CPUs, with all export formats. From the root of the repository:
#
#     docker build --file docker/cpu.Dockerfile --tag detect .
#     docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/work" detect train --data plates --max-time 30m
FROM python:3.11-slim AS build
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM python:3.11-slim
COPY --from=build /wheels /wheels
COPY tools/choose_opencv.py /wheels/
RUN pip install --no-cache-dir "$(echo /wheels/*.whl)[openvino,onnx,litert,stablehlo,int8,heic]" \
    && python /wheels/choose_opencv.py \
    && mkdir --mode=1777 /cache
# Any user may run it, so that what it writes belongs to the one who started it.
ENV DETECT_CACHE=/cache HOME=/cache
WORKDIR /work
USER 1000
ENTRYPOINT ["detect"]
