# Set up, migrate, serve at http://127.0.0.1:8000 ($env:PORT changes it).
$ErrorActionPreference = "Stop"
Set-Location $PSScriptRoot
if (-not (Test-Path .venv)) { py -3.11 -m venv .venv }
$python = Join-Path ".venv" "Scripts" "python.exe"
& $python -m pip install --quiet --disable-pip-version-check -r requirements.txt
& $python manage.py migrate --verbosity 0
$port = if ($env:PORT) { $env:PORT } else { "8000" }
& $python -m uvicorn algoagent_api.asgi:application --host 127.0.0.1 --port $port
