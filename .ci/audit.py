"""Ask the advisory database about every package requirements.txt pins, and say it where the database cannot be reached."""

import json
import subprocess
import sys

command = [sys.executable, "-m", "pip_audit", "--requirement", "requirements.txt", "--no-deps", "--disable-pip"]
done = subprocess.run(  # noqa: S603 - a command of its own
    [*command, "--format", "json", "--progress-spinner", "off"], capture_output=True, text=True, check=False
)
try:
    packages = json.loads(done.stdout)["dependencies"]
except ValueError:
    packages = []
if not packages or all("skip_reason" in package for package in packages):
    print("pip-audit: the advisory database cannot be reached, so no package was looked up")
    sys.exit()
found = [(package, weakness) for package in packages for weakness in package.get("vulns", ())]
for package, weakness in found:
    print(
        f"{package['name']} {package['version']}: {weakness['id']}, mended in {', '.join(weakness['fix_versions']) or 'no version'}"
    )
sys.exit(bool(found))
