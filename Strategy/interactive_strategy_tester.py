"""The tester under the path it has always had; `algoagent_api/tester.py` is the program."""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    sys.path[:] = [str(here.parent), *(p for p in sys.path if Path(p or ".").resolve() != here)]
    runpy.run_module("algoagent_api.tester", run_name="__main__")
