"""Private files: what is not ours alone is refused, locks keep others out, and a file is replaced as a whole."""

import errno
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from airmeet_async import private_files
from airmeet_async.errors import ConfigError
from airmeet_async.private_files import (
    FileLock,
    NewFile,
    UnsafeFileError,
    check_folder,
    check_private,
    check_target,
    find_place,
    is_as_written,
    make_private_folder,
    open_private,
    replace_file,
)

LEFTOVER = ".airmeet-0123456789ab.part"
HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
)


def parts(folder):
    return {path.name for path in folder.glob(".airmeet-*")}


def private(path, content=b"x"):
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def as_link(path):
    path.symlink_to(private(path.with_name("elsewhere")))


def as_dangling_link(path):
    path.symlink_to(path.with_name("nowhere"))


def as_hard_link(path):
    path.hardlink_to(private(path.with_name("elsewhere")))


def as_readable_by_others(path):
    private(path).chmod(0o640)


def as_writable_by_others(path):
    private(path).chmod(0o602)


UNSAFE = {
    as_link: "symbolic link",
    as_dangling_link: "symbolic link",
    as_hard_link: "hard link",
    os.mkfifo: "not a plain file",
    as_readable_by_others: "chmod 0600",
    as_writable_by_others: "chmod 0600",
}


@pytest.mark.parametrize("make", UNSAFE, ids=lambda make: make.__name__)
def test_what_is_not_a_private_file_of_ours_is_refused_and_left_as_it_is(tmp_path, make):
    """By the path and by the descriptor, for reading and as a lock. A FIFO blocks nobody."""
    path = tmp_path / "file"
    make(path)
    before = path.lstat()

    for use in (check_private, open_private, lambda one: open_private(one, "rb+"), FileLock):
        with pytest.raises(UnsafeFileError, match=UNSAFE[make]) as caught:
            use(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert caught.value.path == path

    assert (path.lstat().st_mode, path.lstat().st_ino) == (before.st_mode, before.st_ino)
    assert not (tmp_path / "nowhere").exists()


def test_a_file_of_another_user_is_refused(tmp_path, monkeypatch):
    path = private(tmp_path / "file")
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)

    for use in (check_private, open_private, FileLock):
        with pytest.raises(UnsafeFileError, match="another user"):
            use(path)
    with pytest.raises(UnsafeFileError, match="another user"):
        make_private_folder(tmp_path)


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022])
def test_all_folders_that_are_made_are_private_whatever_the_umask(tmp_path, mask):
    """Whoever can write in one above could put another one in the place of ours."""
    old = os.umask(mask)
    try:
        make_private_folder(tmp_path / "state" / "airmeet" / "runs")
    finally:
        os.umask(old)

    for folder in ("state", "state/airmeet", "state/airmeet/runs"):
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700


def test_a_folder_below_one_that_others_can_write_is_not_private(tmp_path):
    """Not even if it is ours, and its mode is 0700; below a sticky one, such as /tmp, it is."""
    make_private_folder(tmp_path / "state" / "runs")
    for mode in (0o777, 0o703):
        (tmp_path / "state").chmod(mode)
        with pytest.raises(UnsafeFileError, match=f"everybody can write in it; run: chmod go-w {tmp_path / 'state'}"):
            make_private_folder(tmp_path / "state" / "runs")
    (tmp_path / "state").chmod(0o1777)
    make_private_folder(tmp_path / "state" / "runs")


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser can give a link away")
def test_a_link_of_somebody_else_on_the_way_is_not_followed(tmp_path):
    """In a folder such as /tmp: its owner could let it lead elsewhere later."""
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    shared.chmod(0o1777)
    own.mkdir(0o700)
    (shared / "link").symlink_to(own)
    check_folder(shared / "link")

    os.chown(shared / "link", 12345, 12345, follow_symlinks=False)

    with pytest.raises(UnsafeFileError, match="everybody can write in it"):
        check_folder(shared / "link")


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="access lists are read on Linux")
def test_an_access_list_counts_if_anybody_else_may_write(tmp_path):
    """Its mask looks like the right of the own group, which counts for nobody."""
    for tag, who, rights, is_refused in [
        (2, 12345, 7, True), (2, 12345, 5, False), (2, os.getuid(), 7, False), (2, 0, 7, False), (8, 12345, 7, True)
    ]:  # fmt: skip
        everybody = 0xFFFFFFFF
        entries = [(1, 7, everybody), (4, 5, everybody), (16, 7, everybody), (32, 0, everybody), (tag, rights, who)]
        packed = b"".join(struct.pack("<HHI", *entry) for entry in sorted(entries))
        try:
            os.setxattr(tmp_path, "system.posix_acl_access", struct.pack("<I", 2) + packed)
        except OSError:
            pytest.skip("this disk keeps no access lists")
        assert tmp_path.stat().st_mode & 0o777 == 0o770
        if is_refused:
            with pytest.raises(UnsafeFileError, match="somebody in its access list"):
                check_folder(tmp_path)
        else:
            check_folder(tmp_path)


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser can give a folder away")
def test_a_folder_in_one_of_another_user_is_refused_whatever_its_mode(tmp_path, monkeypatch):
    """Its owner can rename all in it, also where a sticky bit keeps others from that."""
    me, mallory = 12346, 12345
    theirs, own = tmp_path / "theirs", tmp_path / "theirs" / "own"
    own.mkdir(0o700, parents=True)
    os.chown(own, me, me)
    monkeypatch.setattr(os, "getuid", lambda: me)
    for owner, mode, is_refused in [
        (mallory, 0o1777, True), (mallory, 0o755, True), (0, 0o1777, False), (0, 0o755, False), (me, 0o755, False)
    ]:  # fmt: skip
        os.chown(theirs, owner, owner)
        theirs.chmod(mode)
        for check in (check_folder, make_private_folder):
            if is_refused:
                with pytest.raises(UnsafeFileError, match=f"{theirs}: belongs to another user"):
                    check(own)
            else:
                check(own)


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser can give a folder away")
def test_who_owns_the_folders_above_the_home_is_no_other_user(tmp_path, monkeypatch):
    """Such as nobody in a container without root, and the system on Android: they can replace the home anyway."""
    import pwd

    me, system = 12346, 12345
    home = tmp_path / "data" / "home"
    home.mkdir(0o700, parents=True)
    os.chown(home.parent, system, system)
    os.chown(home, me, me)
    account = pwd.struct_passwd(("me", "x", me, me, "", str(home), ""))
    monkeypatch.setattr(os, "getuid", lambda: me)
    with pytest.raises(UnsafeFileError, match="belongs to another user"):
        check_folder(home)

    monkeypatch.setattr(pwd, "getpwuid", lambda _: account)

    check_folder(home)


def test_a_group_counts_if_anybody_else_is_in_it(tmp_path, monkeypatch):
    """By its members, or by the group of others' accounts; the superuser can write everywhere anyway."""
    import grp
    import pwd

    me, gid = pwd.getpwuid(os.getuid()), tmp_path.stat().st_gid
    mallory = pwd.struct_passwd(("mallory", "x", 12345, gid, "", "/", ""))
    root = pwd.struct_passwd(("root", "x", 0, gid, "", "/", ""))
    tmp_path.chmod(0o770)
    for members, accounts, is_refused in [
        ([], [me], False), ([me.pw_name], [me], False), (["root"], [me, root], False), (["mallory"], [me], True),
        ([], [me, mallory], True),
    ]:  # fmt: skip
        monkeypatch.setattr(grp, "getgrgid", lambda _, members=members: grp.struct_group(("staff", "x", gid, members)))
        monkeypatch.setattr(pwd, "getpwall", lambda accounts=accounts: accounts)
        if is_refused:
            with pytest.raises(UnsafeFileError, match="the group staff can write"):
                check_folder(tmp_path)
        else:
            check_folder(tmp_path)


def test_files_and_folders_are_private_whatever_the_umask(tmp_path):
    folder = tmp_path / "one" / "two"
    old = os.umask(0)
    try:
        make_private_folder(folder)
        replace_file(folder / "file", b"x")
        FileLock(folder / "lock").release()
        open_private(folder / "new", "xb").close()
    finally:
        os.umask(old)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    assert modes == {"two": 0o700, "file": 0o600, "lock": 0o600, "new": 0o600}


def test_a_folder_that_others_can_write_is_refused(tmp_path):
    """Readable is enough elsewhere; below a folder that is everybody's, it must be ours alone, and no link."""
    readable = tmp_path / "readable"
    readable.mkdir()
    readable.chmod(0o755)
    make_private_folder(readable)
    with pytest.raises(UnsafeFileError, match="chmod 0700"):
        make_private_folder(readable, in_shared_folder=True)

    readable.chmod(0o775)
    with pytest.raises(UnsafeFileError, match="chmod 0700"):
        make_private_folder(readable)

    readable.chmod(0o700)
    link = tmp_path / "link"
    link.symlink_to(readable)
    make_private_folder(link)
    with pytest.raises(UnsafeFileError, match="not a folder"):
        make_private_folder(link, in_shared_folder=True)


def test_a_lock_keeps_everybody_else_out_until_it_is_released(tmp_path):
    path = tmp_path / "lock"
    first, second, third = FileLock(path), FileLock(path), FileLock(path, create=False)

    assert first.acquire()
    assert not second.acquire(wait=0.03)
    assert not third.acquire(shared=True)
    first.release()
    assert second.acquire(shared=True)
    assert third.acquire(shared=True)
    assert (second.works, third.works) == (True, True)
    second.release()
    third.release()
    assert path.exists()


def test_a_lock_that_nobody_refers_to_any_more_keeps_nobody_out_and_is_closed(tmp_path):
    """Whoever opened it was cancelled, and cannot release it."""
    path = tmp_path / "lock"
    first, second = FileLock(path), FileLock(path)
    descriptor = first.descriptor
    assert first.acquire()
    assert not second.acquire()

    del first

    assert second.acquire()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    second.release()


def test_a_lock_that_nobody_has_made_need_not_be_made_to_be_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError):
        FileLock(tmp_path / "lock", create=False)

    assert not (tmp_path / "lock").exists()


def test_a_disk_without_locks_keeps_nobody_out_and_says_so(tmp_path, monkeypatch):
    """As some network disks are."""

    class NoLocks:
        LOCK_EX = LOCK_SH = LOCK_NB = LOCK_UN = 0

        @staticmethod
        def flock(*_):
            raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(private_files, "fcntl", NoLocks)
    leftover = private(tmp_path / LEFTOVER)
    lock = FileLock(tmp_path / "lock")

    assert lock.acquire()
    assert not lock.works
    lock.release()
    replace_file(tmp_path / "file", b"x")
    assert (tmp_path / "file").read_bytes() == b"x"
    assert leftover.exists()  # nobody can say whether somebody writes it


def test_a_new_file_takes_its_name_when_it_is_complete(tmp_path):
    """What is there before is kept, if asked for; what is empty is not worth it."""
    target = private(tmp_path / "file", b"")
    for content in (b"one", b"two"):
        with NewFile(tmp_path) as new:
            new.write(bytearray(content))
            before = target.read_bytes()
            new.put(target, backup=True)
        assert (before, target.read_bytes()) == ({b"one": b"", b"two": b"one"}[content], content)

    assert (tmp_path / "file.bak").read_bytes() == b"one"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert parts(tmp_path) == set()


def test_every_file_that_is_set_aside_is_kept(tmp_path):
    target = tmp_path / "page.html"
    for content in (b"one", b"two", b"three", b"four"):
        with NewFile(tmp_path) as new:
            new.write(content)
            new.put(target, backup=True)

    kept = [(tmp_path / f"page.html.bak{number}").read_bytes() for number in ("", 2, 3)]
    assert (kept, target.read_bytes()) == ([b"one", b"two", b"three"], b"four")


def test_a_file_knows_its_origin_until_somebody_changes_it(tmp_path):
    target = tmp_path / "left.csv"
    with NewFile(tmp_path) as new:
        new.write(b"one")
        new.put(target, origin="a list")
    known = [find_place(target, origin).name for origin in ("a list", "another")]
    target.touch()
    touched = find_place(target, "a list").name
    target.write_bytes(b"")
    (tmp_path / "link.csv").symlink_to(tmp_path / "nowhere")

    assert known == ["left.csv", "left-2.csv"]
    assert touched == "left-2.csv"
    assert find_place(target, "a list").name == "left.csv"  # an empty one reserves a name
    assert find_place(tmp_path / "link.csv", "a list").name == "link-2.csv"


def test_a_new_file_that_is_not_put_in_place_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), NewFile(tmp_path) as new:
        new.write(b"ada@example.com")
        raise KeyError

    assert list(tmp_path.iterdir()) == []


def test_a_new_file_that_finds_no_place_can_be_kept_and_is_not_swept_away(tmp_path):
    with NewFile(tmp_path) as new:
        new.write(b"ada@example.com")
        with pytest.raises(OSError, match="No such file"):
            new.put(tmp_path / "missing" / "file")
        kept = new.keep()
    NewFile(tmp_path).discard()

    assert parts(tmp_path) == {kept.name}
    assert kept.read_bytes() == b"ada@example.com"


def test_a_folder_in_which_no_file_can_be_made_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ConfigError, match=r"missing: no file can be created there \(No such file"):
        NewFile(tmp_path / "missing")


def test_what_a_dead_process_has_left_is_removed(tmp_path):
    """Only what can be a file of ours: nothing is removed through a link, and no FIFO is waited for."""
    private(tmp_path / LEFTOVER)
    (tmp_path / ".airmeet-link.part").symlink_to(tmp_path / LEFTOVER)
    (tmp_path / ".airmeet-folder.part").mkdir()
    os.mkfifo(tmp_path / ".airmeet-pipe.part")

    new = NewFile(tmp_path)

    assert parts(tmp_path) == {new.path.name, ".airmeet-link.part", ".airmeet-folder.part", ".airmeet-pipe.part"}
    new.discard()


def test_a_new_file_that_another_process_sweeps_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    """Else it would be written without a name, and never be found."""
    lock = private_files._try_lock
    swept: list[Path] = []

    def sweep_once(descriptor):
        if not swept:
            swept.extend(tmp_path.iterdir())
            swept[0].unlink()
        return lock(descriptor)

    monkeypatch.setattr(private_files, "_try_lock", sweep_once)
    with NewFile(tmp_path) as new:
        assert parts(tmp_path) == {new.path.name}
        assert [new.path] != swept


def test_results_can_be_written_on_a_disk_that_keeps_no_modes(tmp_path, monkeypatch):
    """Such as FAT, or a Windows drive in WSL: a file is open to all there, whatever mode it is made with."""
    really_open = os.open

    def open_with_all_rights(path, flags, _mode=0):
        descriptor = really_open(path, flags, 0o777)
        os.fchmod(descriptor, 0o777)
        return descriptor

    monkeypatch.setattr(os, "open", open_with_all_rights)
    leftover = tmp_path / LEFTOVER
    leftover.write_bytes(b"of a process that died")

    with NewFile(tmp_path) as new:
        new.write(b"results")
        new.put(tmp_path / "results.csv")

    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]
    assert (tmp_path / "results.csv").read_bytes() == b"results"
    with pytest.raises(UnsafeFileError, match="chmod 0600"):  # but keys are not read from it
        open_private(tmp_path / "results.csv")


def test_what_this_process_writes_is_left_alone(tmp_path):
    with NewFile(tmp_path) as one, NewFile(tmp_path) as other:
        assert parts(tmp_path) == {one.path.name, other.path.name}


@pytest.mark.slow
def test_what_another_process_writes_is_left_alone(tmp_path):
    held = private(tmp_path / LEFTOVER)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(held)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        NewFile(tmp_path).discard()
        there = held.exists()
        other.kill()
    NewFile(tmp_path).discard()

    assert (there, held.exists()) == (True, False)


def test_a_target_is_free_or_an_earlier_one_of_ours(tmp_path):
    def check(path):
        check_target(path, lambda head: head.startswith(b"ours"), "a result file")

    check(tmp_path / "free")
    check(private(tmp_path / "empty", b""))
    check(private(tmp_path / "ours", b"ours, from before"))
    private(tmp_path / "input.csv", b"email\nada@example.com\n")
    (tmp_path / "link").symlink_to(tmp_path / "ours")
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (
        ("input.csv", "exists and is not a result file"),
        ("link", "symbolic link"),
        (".", "name a file in it, such as .*results.csv"),
        ("pipe", "exists and is not a result file"),
        ("input.csv/file", "cannot be written"),
    ):
        with pytest.raises(ConfigError, match=reason):
            check(tmp_path / name)


def test_what_another_user_has_put_in_the_place_of_results_is_not_ours(tmp_path, monkeypatch):
    """An empty file, which counts as written: in a sticky folder we could not replace it when the run has ended."""
    planted = private(tmp_path / "results.csv", b"")
    tmp_path.chmod(0o1777)
    assert find_place(planted, "list") == planted
    monkeypatch.setattr(os, "getuid", lambda: 12345 + planted.stat().st_uid)

    assert find_place(planted, "list") == tmp_path / "results-2.csv"


@pytest.mark.skipif(os.getuid() != 0, reason="only the superuser can give a file away")
def test_a_target_that_cannot_be_replaced_is_refused_before_anything_is_done(tmp_path, monkeypatch):
    """Another user's file in a sticky folder; where there is no such bit, it is replaced by its name."""
    me, mallory = 12346, 12345
    shared = tmp_path / "shared"
    shared.mkdir()
    os.chown(private(shared / "page.html", b"ours"), mallory, mallory)
    monkeypatch.setattr(os, "getuid", lambda: me)

    def check():
        check_target(shared / "page.html", lambda head: head == b"ours", "a report page")

    shared.chmod(0o777)
    check()
    shared.chmod(0o1777)
    with pytest.raises(ConfigError, match=r"page.html: belongs to another user; choose another path"):
        check()
    os.chown(shared / "page.html", me, me)
    check()


def test_a_fifo_that_takes_the_place_of_a_file_while_it_is_checked_is_not_waited_for(tmp_path, monkeypatch):
    target = private(tmp_path / "page.html", b"ours")
    status = target.lstat()
    target.unlink()
    os.mkfifo(target)
    monkeypatch.setattr(Path, "lstat", lambda _: status)

    with pytest.raises(ConfigError, match="is not a report page"):
        check_target(target, lambda head: head == b"ours", "a report page")
    assert not is_as_written(target, "list")


def test_what_somebody_has_put_in_the_place_of_a_new_file_is_neither_touched_nor_taken_for_it(tmp_path):
    """In a folder that others can write, its name may lead to a file of ours elsewhere by the end."""
    other = private(tmp_path / "other", b"elsewhere")
    before = other.stat().st_mtime_ns
    with NewFile(tmp_path) as new:
        new.write(b"results")
        new.path.unlink()
        new.path.symlink_to(other)
        with pytest.raises(OSError, match="something else in its place"):
            new.put(tmp_path / "results.csv", origin="list")

    assert other.stat().st_mtime_ns == before
    assert list(tmp_path.iterdir()) == [other]
