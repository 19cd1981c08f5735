# The web server and the workers (Dockerfile.sandbox has the image in which strategy code runs):
#   docker build --tag algoagent .
#   docker run --publish 8000:8000 --env SECRET_KEY=... --env ALLOWED_HOSTS=... --volume algoagent:/data algoagent
# BASE is any image with Python 3.11 and pip; what it has already is not fetched.
ARG BASE=python:3.11-slim

FROM ${BASE} AS server
RUN { command -v bwrap && command -v git; } >/dev/null || { apt-get -qq update \
    && apt-get -qq install --yes --no-install-recommends bubblewrap libseccomp2 git && rm -rf /var/lib/apt/lists/*; }
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --root-user-action=ignore -r requirements.txt \
    && echo "app:x:10001:10001::/data:/usr/sbin/nologin" >> /etc/passwd \
    && echo "app:x:10001:" >> /etc/group && mkdir /data && chown 10001:10001 /app /data
COPY --chown=10001:10001 . .
# Never as root. What the server writes is in /data; it does not start without a SECRET_KEY of its own.
USER 10001:10001
ENV HOME=/data DEBUG=False VAR_DIR=/data CODES_DIR=/data/codes UVICORN_HOST=0.0.0.0 UVICORN_PORT=8000
# Compiled for the user who runs it, who could not write the cache of another.
RUN python -m Backtest.kernel
VOLUME /data
EXPOSE 8000
CMD ["sh", "-c", "python manage.py migrate --verbosity 0 && exec python -m algoagent_api.serve"]
