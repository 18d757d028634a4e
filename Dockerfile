# moe-lab on a CPU:
#   docker build -t moe-lab .
#   docker run --rm -v "$PWD/runs:/home/lab/runs" moe-lab train
FROM python:3.13-slim

RUN useradd --create-home lab
COPY pyproject.toml constraints.txt README.md LICENSE MANIFEST.in /opt/moe-lab/
COPY conf /opt/moe-lab/conf
COPY moe_lab /opt/moe-lab/moe_lab
# uv takes torch without CUDA, as README.md does; the second line takes everything else
RUN pip install --no-cache-dir uv \
 && uv pip install --system --no-cache --torch-backend cpu -c /opt/moe-lab/constraints.txt torch torchvision \
 && uv pip install --system --no-cache -c /opt/moe-lab/constraints.txt /opt/moe-lab

USER lab
WORKDIR /home/lab
ENTRYPOINT ["moe-lab"]
CMD ["--help"]
