# Two images: `sandbox`, in which strategy code runs (manage.py sandbox_image --dockerfile makes it),
# and `server`, the web server and the workers.
FROM python:3.11-slim AS sandbox
COPY requirements.txt /tmp/requirements.txt
RUN pip install --no-cache-dir --target /packages -c /tmp/requirements.txt backtesting TA-Lib pyarrow \
    && mkdir -p /python/bin /job && ln -s /usr/local/bin/python3.11 /python/bin/python
COPY Backtest/sandbox/worker.py /worker.py
USER 65534:65534

FROM python:3.11-slim AS server
RUN apt-get -qq update && apt-get -qq install --yes --no-install-recommends bubblewrap libseccomp2 git \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY . .
RUN python -m Backtest.kernel
ENV UVICORN_HOST=0.0.0.0 UVICORN_PORT=8000
EXPOSE 8000
CMD ["python", "-m", "honcho", "start"]
