"""Released files over a real HTTP server that breaks off, out of archives that may be anything."""

from __future__ import annotations

import logging
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from published_files import Server

from surgvlp.files import InputError
from surgvlp.models.released import archive
from surgvlp.models.released.archive import take_out
from surgvlp.models.released.download import download
from surgvlp.published.released import RELEASED, ReleasedModel, fetched

WEIGHTS = bytes(range(256)) * 4000


def zipped(path: Path, **files: bytes) -> bytes:
    """The bytes of a stored archive with `<name>.pth` for each keyword."""
    with zipfile.ZipFile(path, "w") as made:
        for name, content in files.items():
            made.writestr(f"folder/{name}.pth", content)
    return path.read_bytes()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_a_released_model_is_downloaded_and_unpacked_once(
    server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Server.body = zipped(tmp_path / "made.zip", SurgVLP=WEIGHTS)
    root = tmp_path / "cache"
    with caplog.at_level(logging.INFO, "surgvlp"):
        path = fetched("SurgVLP", root, mirror=server + "/")
    assert path == root / "SurgVLP.pth" and path.read_bytes() == WEIGHTS
    assert names_in(root) == ["SurgVLP.pth", "SurgVLP.pth.sha256"] and Server.seen == [("/SurgVLP.zip", None)]
    assert "CC BY-NC-SA 4.0" in caplog.text and "none is known to compare it with" in caplog.text
    assert fetched("SurgVLP", root) == path and len(Server.seen) == 1


def test_processes_that_want_a_model_at_once_fetch_and_unpack_it_once(server: str, tmp_path: Path) -> None:
    Server.body = zipped(tmp_path / "made.zip", SurgVLP=WEIGHTS * 20)
    program = "import sys; from surgvlp.published.released import fetched; fetched('SurgVLP', *sys.argv[1:])"
    command = [sys.executable, "-c", program, str(tmp_path / "cache"), server]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert names_in(tmp_path / "cache") == ["SurgVLP.pth", "SurgVLP.pth.sha256"]
    assert len(Server.seen) == 1


def test_an_address_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'mirror\.local/SurgVLP\.zip' is no address of the web"):
        fetched("SurgVLP", tmp_path, mirror="mirror.local")


def test_what_lies_in_the_cache_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archived = tmp_path / "HecVL.zip"
    zipped(archived, any=WEIGHTS)
    assert fetched("HecVL", tmp_path).read_bytes() == WEIGHTS
    assert names_in(tmp_path) == ["HecVL.pth", "HecVL.pth.sha256", "HecVL.zip"]
    monkeypatch.setitem(RELEASED, "HecVL", ReleasedModel("http://127.0.0.1:9", sha256="0" * 64))
    with pytest.raises(InputError, match=r"HecVL\.pth: sha256 is [0-9a-f]{64}, expected 0000.*Delete it"):
        fetched("HecVL", tmp_path)


def test_offline_says_where_the_file_goes(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"cannot fetch http://127.0.0.1:9/PeskaVLP.zip.*copy it to .*PeskaVLP\.z"
    ):
        fetched("PeskaVLP", tmp_path, mirror="http://127.0.0.1:9")
    assert names_in(tmp_path) == []


def test_a_broken_off_download_goes_on_where_it_was(server: str, tmp_path: Path) -> None:
    target = tmp_path / "file"
    Server.body, Server.breaks_after = WEIGHTS, 300_000
    with pytest.raises(InputError, match=r"broke off after 300000 of 1024000 bytes.*goes on|cannot fetch"):
        download(f"{server}/file", target, None)
    assert not target.exists() and len(names_in(tmp_path)) == 2
    with pytest.raises(InputError, match="cannot fetch"):  # no network in between
        download("http://127.0.0.1:9/file", target, None)
    Server.breaks_after = None
    download(f"{server}/file", target, None)
    assert target.read_bytes() == WEIGHTS and names_in(tmp_path) == ["file"]
    assert [wanted for _, wanted in Server.seen] == [None, "bytes=300000-"]


def test_another_version_of_the_file_starts_anew(server: str, tmp_path: Path) -> None:
    target = tmp_path / "file"
    Server.body, Server.breaks_after = WEIGHTS, 300_000
    with pytest.raises(InputError):
        download(f"{server}/file", target, None)
    Server.body, Server.breaks_after, Server.tag = WEIGHTS[::-1], None, '"2"'
    download(f"{server}/file", target, None)
    assert target.read_bytes() == WEIGHTS[::-1] and names_in(tmp_path) == ["file"]


def test_a_whole_file_that_was_not_renamed_is_fetched_again(server: str, tmp_path: Path) -> None:
    Server.body = WEIGHTS
    (tmp_path / ".file.download").write_bytes(WEIGHTS)
    (tmp_path / ".file.version").write_text('"1"')
    download(f"{server}/file", tmp_path / "file", None)
    assert (tmp_path / "file").read_bytes() == WEIGHTS and names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("change", [{"tag": None}, {"tag": 'W/"weak"'}, {"kind": "text/html"}])
def test_without_a_version_nothing_is_kept(
    change: dict, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in change.items():
        setattr(Server, name, value)
    Server.body, Server.breaks_after = WEIGHTS, 300_000
    with pytest.raises(InputError, match=r"broke off|cannot fetch|web page"):
        download(f"{server}/file", tmp_path / "file", None)
    assert names_in(tmp_path) == []


def test_another_sha256_than_known_leaves_nothing(server: str, tmp_path: Path) -> None:
    Server.body = WEIGHTS
    with pytest.raises(InputError, match=r"has sha256 [0-9a-f]{64}, expected 0000"):
        download(f"{server}/file", tmp_path / "file", "0" * 64)
    assert names_in(tmp_path) == []


def test_processes_that_ask_at_once_fetch_once(server: str, tmp_path: Path) -> None:
    Server.body = WEIGHTS * 20
    program = (
        "import sys; from pathlib import Path; from surgvlp.models.released.download import download; "
        "download(sys.argv[1], Path(sys.argv[2]), None)"
    )
    command = [sys.executable, "-c", program, f"{server}/file", str(tmp_path / "file")]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert (tmp_path / "file").read_bytes() == WEIGHTS * 20 and names_in(tmp_path) == ["file"]
    assert Server.seen == [("/file", None)]


def test_an_archive_is_unpacked_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, target = tmp_path / "made.zip", tmp_path / "out" / "weights.pth"
    content = zipped(path, a=WEIGHTS, b=WEIGHTS)
    with pytest.raises(
        InputError, match=r"made\.zip: an archive with 2 files of weights: folder/a\.pth, folder"
    ):
        take_out(path, target)
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("readme.txt", "none")
    with pytest.raises(InputError, match="an archive with 0 files of weights"):
        take_out(path, target)
    content = zipped(path, a=WEIGHTS)
    path.write_bytes(content[:5000] + b"torn" + content[5004:])
    with pytest.raises(InputError, match=r"made\.zip: cannot be unpacked \(Bad CRC"):
        take_out(path, target)
    path.write_bytes(content)
    monkeypatch.setattr(archive, "LIMIT", 1000)
    with pytest.raises(InputError, match=r"folder/a\.pth would unpack to 1024000 bytes"):
        take_out(path, target)
    assert not target.exists() and (not target.parent.exists() or names_in(target.parent) == [])
