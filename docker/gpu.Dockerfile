# Training and prediction on NVIDIA GPUs. The host needs their driver and the NVIDIA Container Toolkit; the libraries of
# CUDA come with TensorFlow. From the root of the repository:
#
#     docker build --file docker/gpu.Dockerfile --tag detect-gpu .
#     docker run --rm --gpus all --user "$(id -u):$(id -g)" --volume "$PWD:/work" detect-gpu train --data plates
FROM python:3.11-slim AS build
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM python:3.11-slim
COPY --from=build /wheels /wheels
COPY tools/choose_opencv.py /wheels/
RUN pip install --no-cache-dir "$(echo /wheels/*.whl)[gpu,openvino,onnx,heic]" \
    && python /wheels/choose_opencv.py \
    && mkdir --mode=1777 /cache
# Any user may run it, so that what it writes belongs to the one who started it.
ENV DETECT_CACHE=/cache HOME=/cache
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility,video
WORKDIR /work
USER 1000
ENTRYPOINT ["detect"]
