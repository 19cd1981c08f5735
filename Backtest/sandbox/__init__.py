"""Where strategy code runs: behind one small protocol, isolated from everything else.

    result = choose_sandbox("auto").run(SandboxJob(code=..., frame=..., settings=...))

Prices go in as Arrow, results come out as JSON and plain numbers; nothing is pickled across the
border, and what comes out is computed again before it is believed.
"""

from Backtest.sandbox.job import EngineSettings, Limits, Sandbox, SandboxJob, SandboxResult
from Backtest.sandbox.process import ProcessSandbox

__all__ = ["EngineSettings", "Limits", "ProcessSandbox", "Sandbox", "SandboxJob", "SandboxResult"]
