"""Where strategy code runs: behind one small protocol, in a process of its own.

    result = sandbox.run(SandboxJob(code=..., frame=..., settings=...))

Prices go in as Arrow, results come out as JSON and Arrow; nothing is pickled across the border.
"""

from Backtest.sandbox.job import EngineSettings, Limits, Sandbox, SandboxJob, SandboxResult
from Backtest.sandbox.process import ProcessSandbox

__all__ = ["EngineSettings", "Limits", "ProcessSandbox", "Sandbox", "SandboxJob", "SandboxResult"]
