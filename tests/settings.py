"""The project's settings, with files in a folder that is thrown away and throttles out of the way."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_folder = Path(tempfile.mkdtemp(prefix="algoagent-tests-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
os.environ["VAR_DIR"] = str(_folder)
os.environ["CODES_DIR"] = str(_folder / "codes")
os.environ["MEDIA_ROOT"] = str(_folder / "media")
os.environ["DATA_CACHE_DIR"] = str(_folder / "data")
os.environ.setdefault("DATABASE_URL", f"sqlite:///{_folder / 'db.sqlite3'}")
os.environ["DATA_PROVIDERS"] = "bundled"
os.environ["SANDBOX_BACKEND"] = "process"  # forks are quick; tests/escape and live servers use isolation
for _provider in ("GEMINI", "ANTHROPIC", "OPENAI", "OPENROUTER", "OLLAMA"):
    os.environ[f"{_provider}_API_KEY"] = ""  # whoever runs the tests does not pay for them
os.environ["LLM_MODEL"] = ""
for _scope in ("ANON", "USER", "LOGIN", "REGISTER"):
    os.environ[f"THROTTLE_{_scope}"] = "100000/min"

from algoagent_api.settings import *  # noqa: E402, F403 - the environment comes first

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one takes a fifth of a second a user
REST_FRAMEWORK = {**REST_FRAMEWORK, "TEST_REQUEST_DEFAULT_FORMAT": "json"}  # noqa: F405
