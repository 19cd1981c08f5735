"""The git repository of deployed strategies: a folder a strategy, a commit and a tag a deployment."""

from __future__ import annotations

from pathlib import Path

from dulwich import porcelain
from dulwich.object_store import tree_lookup_path
from dulwich.objects import Commit
from dulwich.refs import Ref
from dulwich.repo import Repo
from filelock import FileLock, Timeout

from Backtest.errors import Conflict

AUTHOR = b"AlgoAgent <algoagent@localhost>"
WAIT_S = 60


class DeployRepository:
    """A repository that is made when it is missing. One process at a time changes it.

    Args:
        root: its folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(str(root.with_name(f"{root.name}.lock")), timeout=WAIT_S)
        self._unfinished = root.with_name(f"{root.name}.unfinished")

    def deploy(self, *, folder: str, files: dict[str, str], message: str, tag: str) -> str:
        """Write files, commit and tag them; return the commit. On any failure everything is as it was.

        A tag that exists is moved: whether a version was deployed is for the rows to say.

        Raises:
            Conflict: another deployment takes too long.
        """
        with self._locked() as repo:
            if self._unfinished.exists():  # somebody was killed in the middle of it
                _undo(repo)
            place = self._place(folder)
            self._unfinished.touch()
            try:
                place.mkdir(parents=True, exist_ok=True)
                for name, text in files.items():
                    (place / name).write_text(text, encoding="utf-8")
                porcelain.add(repo, [str(place / name) for name in files])
                commit = porcelain.commit(
                    repo, message=message.encode(), author=AUTHOR, committer=AUTHOR, no_verify=True, sign=False
                )
                if tag:
                    repo.refs.remove_if_equals(Ref(f"refs/tags/{tag}".encode()), None)
                    porcelain.tag_create(
                        repo, tag.encode(), author=AUTHOR, message=message.encode(), annotated=True, sign=False
                    )
            except BaseException:
                _undo(repo)
                raise
            finally:
                self._unfinished.unlink()
            return bytes(commit).decode()

    def read(self, *, commit: str, path: str) -> str:
        """Return a file as it was in a commit."""
        with self._locked() as repo:
            found = repo[commit.encode()]
            assert isinstance(found, Commit)
            _, blob = tree_lookup_path(repo.__getitem__, found.tree, path.encode())
            return repo[blob].as_raw_string().decode()

    def _place(self, folder: str) -> Path:
        place = (self.root / folder).resolve()
        if not place.is_relative_to(self.root.resolve()) or place == self.root.resolve():
            raise ValueError(f"{folder!r} is outside the repository")
        return place

    def _locked(self) -> _Open:
        return _Open(self.root, self._lock)


def _undo(repo: Repo) -> None:
    """Put folder and index back to the last commit."""
    if b"refs/heads/master" in repo.refs.allkeys():
        porcelain.reset(repo, "hard", "HEAD")
    else:
        Path(repo.index_path()).unlink(missing_ok=True)


class _Open:
    """The open repository, while the lock is held."""

    def __init__(self, root: Path, lock: FileLock) -> None:
        self._root, self._lock = root, lock

    def __enter__(self) -> Repo:
        try:
            self._lock.acquire()
        except Timeout:
            raise Conflict("Another deployment is under way: try again") from None
        try:
            self._repo = Repo(str(self._root)) if (self._root / ".git").is_dir() else Repo.init(str(self._root))
        except BaseException:
            self._lock.release()
            raise
        return self._repo

    def __exit__(self, *_: object) -> None:
        self._repo.close()
        self._lock.release()
