"""The git repository of deployed strategies: a folder a strategy, a commit and a tag a deployment."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from dulwich import porcelain
from dulwich.object_store import tree_lookup_path
from dulwich.objects import Commit, ObjectID
from dulwich.refs import HEADREF, Ref
from dulwich.repo import Repo
from filelock import FileLock, Timeout

from Backtest.errors import Conflict
from Backtest.machine import write_whole

AUTHOR = b"AlgoAgent <algoagent@localhost>"
WAIT_S = 60


class DeployRepository:
    """A repository that is made when it is missing. One process at a time changes it.

    Args:
        root: its folder.
        known: whether a row tells of a commit. What was committed when a process was killed, and is known to no row, is undone.
    """

    def __init__(self, root: Path, known: Callable[[str], bool]) -> None:
        self.root = root
        self._known = known
        self._lock = FileLock(str(root.with_name(f"{root.name}.lock")), timeout=WAIT_S)
        self._unfinished = root.with_name(f"{root.name}.unfinished")

    @property
    def interrupted(self) -> bool:
        """Whether a change is under way, or a process was killed in the middle of one."""
        return self._unfinished.exists()

    @contextmanager
    def changing(self) -> Iterator[Open]:
        """Hold the repository while its rows change: around a transaction, so that both are changed, or neither.

        On a failure, and after a kill when it is opened next, everything is as it was.

        Raises:
            Conflict: another deployment takes too long.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            raise Conflict("Another deployment is under way: try again") from None
        try:
            with closing(self._repo()) as repo:
                opened = Open(self.root, repo, self._unfinished)
                opened.settle(self._known)
                try:
                    yield opened
                except BaseException:
                    opened.undo()
                    raise
                self._unfinished.unlink(missing_ok=True)
        finally:
            self._lock.release()

    def _repo(self) -> Repo:
        if not (self.root / ".git").is_dir():
            aside = self.root.with_name(f"{self.root.name}.new")
            shutil.rmtree(aside, ignore_errors=True)
            Repo.init(str(aside), mkdir=True).close()
            (aside / ".git").rename(self.root / ".git")
            aside.rmdir()
        return Repo(str(self.root))


class Open:
    """The repository, while it is held.

    `unfinished` is a file that exists while a change is under way: what branch and tag were before it, and the files it writes.
    """

    def __init__(self, root: Path, repo: Repo, unfinished: Path) -> None:
        self._root = root.resolve()
        self._repo = repo
        self._unfinished = unfinished

    def commit(self, *, folder: str, files: dict[str, str], message: str, tag: str) -> str:
        """Write files, commit and tag them; return the commit. A tag that exists is moved."""
        place = (self._root / folder).resolve()
        if not place.is_relative_to(self._root) or place == self._root:
            raise ValueError(f"{folder!r} is outside the repository")
        repo, tag_name = self._repo, Ref(f"refs/tags/{tag}".encode())
        names = [self._branch, *([tag_name] if tag else [])]
        before = {name.decode(): (self._at(name) or b"").decode() for name in names}
        change = json.dumps({"before": before, "folder": folder, "files": list(files)})
        write_whole(self._unfinished, lambda made: made.write_text(change, encoding="utf-8"))
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name).write_text(text, encoding="utf-8")
        porcelain.add(repo, [str(place / name) for name in files])
        commit = porcelain.commit(
            repo, message=message.encode(), author=AUTHOR, committer=AUTHOR, no_verify=True, sign=False
        )
        if tag:
            repo.refs.remove_if_equals(tag_name, None)
            porcelain.tag_create(
                repo, tag.encode(), author=AUTHOR, message=message.encode(), annotated=True, sign=False
            )
        return bytes(commit).decode()

    def read(self, *, commit: str, path: str) -> str:
        """Return a file as it was in a commit."""
        found = self._repo[commit.encode()]
        assert isinstance(found, Commit)
        _, blob = tree_lookup_path(self._repo.__getitem__, found.tree, path.encode())
        return self._repo[blob].as_raw_string().decode()

    def settle(self, known: Callable[[str], bool]) -> None:
        """Undo what a killed process has left; where its commit is known, no more was missing than to say that it is finished."""
        if not self._unfinished.exists():
            return
        now = self._at(self._branch)
        if now and now.decode() != self._before()["before"].get(self._branch.decode()) and known(now.decode()):
            self._unfinished.unlink()
        else:
            self.undo()

    def undo(self) -> None:
        """Put branch, tag, index and files back to what they were before the change."""
        if not self._unfinished.exists():
            return
        for lock in (self._root / ".git").rglob("*.lock"):  # of a killed process: this one holds the repository
            lock.unlink()
        before = self._before()
        for name, was in before["before"].items():
            self._repo.refs.remove_if_equals(Ref(name.encode()), None)
            if was:
                self._repo.refs.set_if_equals(Ref(name.encode()), None, ObjectID(was.encode()))
        if self._at(self._branch):
            porcelain.reset(self._repo, "hard", "HEAD")
        else:
            Path(self._repo.index_path()).unlink(missing_ok=True)
        place, tracked = self._root / before["folder"], self._repo.open_index()
        for name in before["files"]:
            if f"{before['folder']}/{name}".encode() not in tracked:
                (place / name).unlink(missing_ok=True)
        while place != self._root and place.is_dir() and not any(place.iterdir()):
            place.rmdir()
            place = place.parent
        self._unfinished.unlink()

    def _before(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._unfinished.read_text(encoding="utf-8"))
        return found

    @property
    def _branch(self) -> Ref:
        return self._repo.refs.follow(HEADREF)[0][-1]

    def _at(self, name: Ref) -> bytes | None:
        return self._repo.refs.read_ref(name)
