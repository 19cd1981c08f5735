"""The description of the API is true: schemathesis finds no answer that it does not document."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.live import Server, http

# Drawn for each operation. With more than one, the border cases of each field, and each field as it may not be, are sent as well: 3,500 further
# requests, in `make attack`.
EXAMPLES = os.environ.get("SCHEMA_EXAMPLES", "1")
PHASES = "examples,fuzzing" if EXAMPLES == "1" else "examples,coverage,fuzzing"
# A busy machine may take long to answer. What happens to a run that nothing takes up is a stream without an end.
TIMEOUTS = """
request-timeout = 120

[[operations]]
include-path = "/api/backtests/{run_id}/events/"
request-timeout = 2
"""


def test_schemathesis_on_a_live_server(server: Server, tmp_path: Path) -> None:
    token = server.token("schemathesis")
    made = http.post(
        f"{server.url}/api/strategies/",
        json={"user_description": "Buy GOOG when RSI < 30, sell when RSI > 70, stop 5%"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    assert made.status_code == 201
    (tmp_path / "schemathesis.toml").write_text(TIMEOUTS)
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{server.url}/api/schema/",
        "--header", f"Authorization: Bearer {token}", "--phases", PHASES, "--max-examples", EXAMPLES,
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        "--seed", "1", "--workers", "1", "--no-color", "--suppress-health-check", "all", "--max-failures", "20",
        # These answer 503 as they should: this server has no worker, and no SearxNG.
        "--exclude-path", "/api/health/ready/", "--exclude-path", "/api/ai/research/",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-500:]


def test_swagger_works_without_a_network(server: Server) -> None:
    page = http.get(f"{server.url}/api/docs/", timeout=60).raise_for_status().text
    assert "swagger-ui" in page
    assert "https://" not in page.replace("https://www.w3.org", "")
    for asset in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        assert http.get(server.url + asset, timeout=60).status_code == 200, asset


def test_every_operation_documents_the_error_body_and_has_a_summary_or_text(server: Server) -> None:
    schema = http.get(f"{server.url}/api/schema/", headers={"Accept": "application/json"}, timeout=60).json()
    assert schema["info"]["title"] == "AlgoAgent"
    operations = [
        o
        for item in schema["paths"].values()
        for m, o in item.items()
        if m in ("get", "post", "put", "patch", "delete")
    ]
    assert len(operations) > 35
    for operation in operations:
        assert "429" in operation["responses"], operation["operationId"]
    examples = [o for o in operations if "examples" in str(o.get("requestBody", {}))]
    assert len(examples) >= 3
