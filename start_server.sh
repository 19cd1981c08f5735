#!/bin/sh
# What `make serve` does: set up, migrate, compile the engine (a minute or two the first time), start web server and worker at http://127.0.0.1:8000 (PORT changes it).
set -eu
cd "$(dirname "$0")"
python=$(command -v python3.11 || command -v python3)
if [ ! -f .venv/.installed ] || [ requirements.txt -nt .venv/.installed ]; then
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
fi
.venv/bin/python manage.py migrate --verbosity 0
.venv/bin/python -m Backtest.kernel
UVICORN_PORT="${PORT:-8000}" exec .venv/bin/python -m algoagent_api.serve
