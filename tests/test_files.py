import os
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from tabnet import files
from tabnet.errors import InputError


def test_folders_of_killed_writers_go(tmp_path: Path) -> None:
    left = tmp_path / ".f.0123456789abcdef.tmp"
    (left / "inner").mkdir(parents=True)
    with files.replace_folder(tmp_path / "f") as first:
        assert not left.exists()
        files.write_text(first / "t.txt", "text")
        with files.replace_folder(tmp_path / "f") as second:
            (second / "second").touch()
        assert os.listdir(first) == ["t.txt"]
    assert os.listdir(tmp_path) == ["f"]
    assert os.listdir(tmp_path / "f") == ["t.txt"]


def test_text_is_written_as_it_is(tmp_path: Path) -> None:
    files.write_text(tmp_path / "t.txt", "a\r\né\n")
    assert (tmp_path / "t.txt").read_bytes() == "a\r\né\n".encode()
    files.write_bytes(tmp_path / "t.txt", b"\x00")
    assert (tmp_path / "t.txt").read_bytes() == b"\x00"


def test_a_link_is_replaced_and_its_target_kept(tmp_path: Path) -> None:
    """DVC can put links into its cache in place of outputs."""
    (tmp_path / "cache").write_text("cached")
    (tmp_path / "t.txt").symlink_to("cache")
    files.write_text(tmp_path / "t.txt", "new")
    assert (tmp_path / "cache").read_text() == "cached"
    assert not (tmp_path / "t.txt").is_symlink()


@pytest.mark.parametrize("kind", ["pipe", "link"])
def test_a_device_or_a_pipe_stays(tmp_path: Path, kind: str) -> None:
    place = tmp_path / kind
    os.mkfifo(place) if kind == "pipe" else place.symlink_to(os.devnull)
    before = place.lstat()
    with pytest.raises(InputError, match=f"^{place}: must be a file, however: it is a device"):
        files.write_text(place, "text")
    with pytest.raises(InputError), files.replace_folder(place):
        pass
    assert os.path.samestat(place.lstat(), before)
    assert os.listdir(tmp_path) == [kind]


def test_a_link_to_a_file_stays_where_it_is_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """/dev/stdout is one, where it is redirected into a file."""
    monkeypatch.setattr(files, "DEVICES", tmp_path)
    (tmp_path / "redirected").touch()
    (tmp_path / "stdout").symlink_to("redirected")
    with pytest.raises(InputError, match="must be a file, however"):
        files.write_text(tmp_path / "stdout", "text")
    assert (tmp_path / "stdout").is_symlink()


def fill(folder: Path) -> None:
    files.write_text(folder / "new.txt", "new")


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "folder"
    with files.replace_folder(target) as folder:
        fill(folder)
        assert not target.exists()
    assert os.listdir(target) == ["new.txt"]
    (target / "stale.txt").write_text("stale")
    with files.replace_folder(target) as folder:
        fill(folder)
        assert (target / "stale.txt").exists()
    assert os.listdir(target) == ["new.txt"]
    assert os.listdir(target.parent) == ["folder"]


def test_a_file_or_link_gives_way_to_a_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "kept.txt").write_text("kept")
    (tmp_path / "folder").symlink_to("cache")
    with files.replace_folder(tmp_path / "folder") as folder:
        fill(folder)
    (tmp_path / "file").write_text("old")
    with files.replace_folder(tmp_path / "file") as folder:
        fill(folder)
    assert (tmp_path / "cache" / "kept.txt").exists()
    assert sorted(os.listdir(tmp_path)) == ["cache", "file", "folder"]
    assert os.listdir(tmp_path / "file") == os.listdir(tmp_path / "folder") == ["new.txt"]


def interrupted(target: Path) -> None:
    with files.replace_folder(target) as folder:
        fill(folder)
        raise KeyboardInterrupt


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for expected in ([], ["old.txt"]):
        with pytest.raises(KeyboardInterrupt):
            interrupted(target)
        assert os.listdir(tmp_path) == ["folder"] * bool(expected)
        target.mkdir(exist_ok=True)
        (target / "old.txt").write_text("old")
        assert os.listdir(target) == ["old.txt"]


def test_a_failed_rename_brings_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old.txt").write_text("old")
    rename = Path.rename

    def refuse_the_new(self: Path, to: Path) -> Path:
        if to == target and (self / "new.txt").exists():
            raise PermissionError(13, "Permission denied")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", refuse_the_new)
    with pytest.raises(PermissionError), files.replace_folder(target) as folder:
        fill(folder)
    assert os.listdir(tmp_path) == ["folder"]
    assert os.listdir(target) == ["old.txt"]


def write_folders(target: Path, writer: int) -> None:
    for number in range(150):
        with files.replace_folder(target) as folder:
            for name in ("a", "b"):
                (folder / name).write_text(f"{writer} {number}")


def test_writers_of_one_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    """Processes, as threads would wait for each other: the last one's folder is there, whole."""
    target = tmp_path / "target"
    writers = [
        get_context("spawn").Process(target=write_folders, args=(target, number))
        for number in range(3)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert os.listdir(tmp_path) == ["target"]
    assert sorted(os.listdir(target)) == ["a", "b"]
    assert (target / "a").read_text() == (target / "b").read_text()


def test_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    """The last one's bytes are there, whole, and no temporary name is left."""
    target = tmp_path / "target"

    def write(number: int) -> None:
        files.write_bytes(target, b"%03d" % number * 1000)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(400)))
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    assert target.read_bytes() in [b"%03d" % number * 1000 for number in range(400)]
