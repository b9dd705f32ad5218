"""The folder through which workers send their records: it is private, found by number, and leaves nothing behind."""

import os
from types import SimpleNamespace

import pytest

import mlfast
from mlfast import _mailbox
from mlfast._profile import Record
from mlfast.cluster import KMeans

RECORD = Record("KMeans", "fit", "sklearn", "a reason\nof two lines, “quoted”", 0.25, 2)


@pytest.fixture(autouse=True)
def private_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield
    assert list(tmp_path.iterdir()) == []
    assert "MLFAST_PROFILE" not in os.environ


def send(record=RECORD):
    """Deliver a record as a worker of this process does."""
    folder = _mailbox.address(os.getpid())
    assert folder is not None
    _mailbox.deliver(folder, tuple(vars(record).values()))
    return folder


def test_records_arrive_at_the_innermost_block():
    with mlfast.profile() as outer:
        send()
        with mlfast.profile() as inner:
            send()
            send()
        send()
    assert outer.records == [RECORD] * 2
    assert inner.records == [RECORD] * 2


def test_folder():
    with mlfast.profile():
        folder = send()
        assert os.environ["MLFAST_PROFILE"] == folder
        assert os.stat(folder).st_mode & 0o777 == 0o700
    assert _mailbox.address(os.getpid()) is None
    _mailbox.deliver(folder, ("too late",))  # a worker that outlives the block: nobody waits, nothing happens


def refuse(*_args, **_kwargs):
    raise PermissionError


def of_somebody_else(_path):
    return SimpleNamespace(st_uid=os.getuid() + 1)


@pytest.mark.parametrize(("call", "answer"), [("os.makedirs", refuse), ("os.stat", of_somebody_else)])
def test_no_folder_of_ones_own(call, answer):
    """None can be made, or another user has made it: the calls of this process are counted all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(call, answer)
        with mlfast.profile() as calls:
            KMeans(2, random_state=0).fit([[0.0], [1.0]])
            assert _mailbox.address(os.getpid()) is None
            assert "MLFAST_PROFILE" not in os.environ
    assert [record.method for record in calls.records] == ["fit"]
