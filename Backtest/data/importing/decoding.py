"""From bytes to what they hold: the one file of an archive, its kind, and its text.

Everything that is unpacked is counted while it is unpacked: a small archive may claim, or hide,
any size.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

import charset_normalizer

from Backtest.errors import DataError

MAX_UNPACKED = 512 * 2**20
_CHUNK = 2**20
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe\x00\x00", "utf-32"), (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"),
)  # fmt: skip
# Where none of the Unicode encodings fits: what spreadsheets and terminals of these languages write.
_LEGACY = ["cp1252", "cp1250", "cp1251", "shift_jis", "gb18030", "euc_kr"]


@dataclass(frozen=True)
class Content:
    """The bytes of one file, its name (inside the archive where it came in one) and its kind."""

    data: bytes
    name: str
    kind: str  # text, json, excel, parquet


def unpack(content: bytes, filename: str) -> Content:
    """Return the one file in the content, out of its zip or gzip, with its kind by its first bytes.

    Raises:
        DataError: empty, not one file in the archive, larger than MAX_UNPACKED, broken, unknown kind.
    """
    name = filename
    for _ in range(3):  # an archive in an archive, such as data.csv.gz in a zip, and no deeper
        if content[:2] == b"\x1f\x8b":
            content, name = _gunzip(content, name), name.removesuffix(".gz")
        elif content[:4] == b"PK\x03\x04" and not _is_workbook(content, name):
            content, name = _unzip(content, name)
        else:
            break
    if not content.strip():
        raise DataError(f"{name} is empty: there is nothing to read")
    return Content(content, name, _kind(content, name))


def _kind(content: bytes, name: str) -> str:
    if content[:4] == b"PAR1":
        return "parquet"
    if content[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        return "excel"
    if content[:2] == b"\x1f\x8b":
        raise DataError(f"{name} is packed too often: upload the file itself")
    if content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return "json"
    if name.lower().endswith((".parquet", ".pq")):
        raise DataError(f"{name} is no Parquet file, whatever its name says: export it again")
    return "text"


def _is_workbook(content: bytes, name: str) -> bool:
    """Whether a zip archive is a workbook (.xlsx, .xlsb, .ods); its unpacked size is checked here."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
            if not names & {"xl/workbook.xml", "xl/workbook.bin", "content.xml"}:
                return False
            left = MAX_UNPACKED
            for member in archive.infolist():
                with archive.open(member) as stream:
                    left -= sum(map(len, _pieces(stream, name, left)))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise _broken(name, error) from error
    return True


def _unzip(content: bytes, name: str) -> tuple[bytes, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and not _is_clutter(m.filename)]
            if len(members) != 1:
                shown = ", ".join(PurePosixPath(m.filename).name for m in members[:5]) or "none"
                raise DataError(
                    f"{name} holds {len(members)} files ({shown}), one is read at a time",
                    suggestions=["Upload the files one by one"],
                )
            with archive.open(members[0]) as stream:
                data = b"".join(_pieces(stream, name, MAX_UNPACKED))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise _broken(name, error) from error
    return data, PurePosixPath(members[0].filename.replace("\\", "/")).name


def _is_clutter(member: str) -> bool:
    """What macOS and Windows add to an archive by themselves."""
    return member.startswith("__MACOSX/") or PurePosixPath(member).name in (".DS_Store", "Thumbs.db")


def _gunzip(content: bytes, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            return b"".join(_pieces(stream, name, MAX_UNPACKED))
    except (OSError, EOFError, zlib.error) as error:
        raise _broken(name, error) from error


def _pieces(stream: IO[bytes] | gzip.GzipFile, name: str, most: int) -> Iterator[bytes]:
    """Yield what a stream unpacks to by the MiB, as reading all that is allowed at once would take that memory for any file.

    Raises:
        DataError: there are more than `most` bytes.
    """
    while chunk := stream.read(_CHUNK):
        most -= len(chunk)
        if most < 0:
            raise _too_large(name)
        yield chunk


def _broken(name: str, error: Exception) -> DataError:
    return DataError(f"{name} is a damaged or encrypted archive ({str(error)[:80]}): pack it again without a password")


def _too_large(name: str) -> DataError:
    return DataError(f"{name} unpacks to more than {MAX_UNPACKED // 2**20} MiB: split it")


def decode(content: Content) -> tuple[str, str]:
    """Return the text and the name of its encoding; all line ends are newlines.

    Byte order marks decide; then UTF-16 by the zero bytes of its digits; then UTF-8 if it is valid;
    then the likeliest of the encodings spreadsheets use.

    Raises:
        DataError: it is no text.
    """
    data = content.data
    encoding = next((e for mark, e in _BOMS if data.startswith(mark)), "") or _utf16_without_mark(data) or "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text, encoding = _legacy(content)
    if "\x00" in text or sum(c < " " and c not in "\t\n\r\x0b\x0c" for c in text[:4096]) > 8:
        raise _no_text(content.name)
    return text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff"), encoding.removesuffix("-sig")


def _utf16_without_mark(data: bytes) -> str:
    head = data[:2000]
    if len(head) < 8:
        return ""
    zeros_even, zeros_odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if zeros_odd > 0.7 * half and zeros_even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if zeros_even > 0.7 * half and zeros_odd < 0.1 * half else ""


def _legacy(content: Content) -> tuple[str, str]:
    head = content.data[:20_000]
    best = charset_normalizer.from_bytes(head, cp_isolation=_LEGACY).best()
    for encoding in dict.fromkeys([best.encoding if best else "cp1252", "cp1252"]):
        try:
            return content.data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise _no_text(content.name)


def _no_text(name: str) -> DataError:
    return DataError(
        f"{name} can be read neither as CSV, Excel, JSON nor Parquet",
        suggestions=["Export the prices as CSV with a time column and Open, High, Low, Close, Volume"],
    )
