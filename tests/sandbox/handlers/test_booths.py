"""Making and listing booths."""

from airmeet_async.sandbox import community
from tests.sandbox.caller import Caller


def test_booths():
    """None is null, or an empty list if switched; a new one is listed last, with all its exhibitors once."""
    caller = Caller()
    path = f"/airmeet/{community.SUMMIT}/booths"
    empty = caller.get(path), Caller(null_booths=False).get(path)
    info = [{"email": "b@example.com", "exhibitorAttendanceType": "HYBRID"}, {"email": "a@example.com"}]
    body = {"name": "Looms", "exhibitors": ["a@example.com"], "exhibitorInfo": info, "tags": ["new"]}
    uids = [caller.send(path, {"name": "Engines"})["uuid"], caller.send(path, body)["uuid"]]
    rows = caller.get(path)["booths"]

    assert empty == ({"booths": None}, {"booths": []})
    assert [row["uid"] for row in rows] == uids
    assert [row["order"] for row in rows] == [1, 2]
    assert (rows[1]["exhibitors"], rows[1]["tags"]) == (["a@example.com", "b@example.com"], ["new"])
    assert caller.world.statistics().booths == 2
