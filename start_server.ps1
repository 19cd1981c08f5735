# Set up, migrate, compile the engine (a minute or two the first time), serve at http://127.0.0.1:8000 ($env:PORT changes it).
$ErrorActionPreference = "Stop"
Set-Location $PSScriptRoot
if (-not (Test-Path .venv)) { py -3.11 -m venv .venv }
$python = Join-Path ".venv" "Scripts" "python.exe"
& $python -m pip install --quiet --disable-pip-version-check -r requirements.txt
& $python manage.py migrate --verbosity 0
& $python -m Backtest.kernel
$env:UVICORN_PORT = if ($env:PORT) { $env:PORT } else { "8000" }
& $python -m algoagent_api.serve
