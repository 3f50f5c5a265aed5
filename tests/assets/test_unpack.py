from __future__ import annotations

import io
import stat
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.assets.unpack import _leads_outside, open_members
from tfapp.errors import AssetError


@pytest.fixture(params=["zip", "tar"])
def pack(request, tmp_path, pack_zip, pack_tar):
    """Writes members as an archive of either kind."""

    def write(members):
        content = pack_zip(members) if request.param == "zip" else pack_tar(members)
        file = tmp_path / ("a.whl" if request.param == "zip" else "a.tar.gz")
        file.write_bytes(content)
        return file

    return write


def test_files_are_listed_sorted_and_read(pack, tmp_path):
    with open_members(pack({"b/two": b"22", "a/one": b"1", "ab": b""})) as members:
        assert dict(members.sizes) == {"a/one": 1, "ab": 0, "b/two": 2}
        assert members.names_under("a") == members.names_under("a/") == ["a/one"]
        assert members.read("b/two") == b"22"
        digest = members.copy("b/two", tmp_path / "x" / "y")
    assert (tmp_path / "x" / "y").read_bytes() == b"22"
    assert digest == "785f3ec7eb32f30b90cd0fcf3657d388b5ff4297f2f9716ff66e9b69c05ddd09"


def test_what_is_missing_is_named(pack):
    with open_members(pack({"a": b"1"})) as members:
        with pytest.raises(AssetError, match="does not hold the file b"):
            members.read("b")
        with pytest.raises(AssetError, match="holds no files under c/"):
            members.names_under("c")


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:/evil", "a\\..\\evil", "\\\\host\\evil"])
def test_paths_that_lead_outside_are_refused(pack, name):
    with pytest.raises(AssetError, match="not safe to unpack"), open_members(pack({"fine": b"1", name: b"2"})):
        pass


def test_files_over_the_limit_are_refused(pack):
    file = pack({"a": b"0" * 600, "b": b"0" * 600})
    with pytest.raises(AssetError, match="over 1,000 bytes"), open_members(file, limit=1000):
        pass
    with open_members(file, limit=1200) as members:
        assert len(members.sizes) == 2


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_tars_links_and_devices_are_no_files(tmp_path, pack_tar, kind):
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "/etc/passwd"
    (tmp_path / "a.tar.gz").write_bytes(pack_tar({"file": b"1", "link": info}))
    with open_members(tmp_path / "a.tar.gz") as members:
        assert list(members.sizes) == ["file"]
        with pytest.raises(AssetError, match="does not hold the file link"):
            members.read("link")


def test_a_zips_links_are_no_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(info, "/etc/passwd")
        file.writestr("file", "1")
    with open_members(tmp_path / "a.zip") as members:
        assert list(members.sizes) == ["file"]


def test_a_broken_archive_is_one_line(pack):
    file = pack({"a": b"1" * 1000})
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(AssetError, match="is a broken archive"), open_members(file) as members:
        members.read("a")


def test_an_archive_inside_an_archive(pack_tar):
    outer = io.BytesIO(pack_tar({"inner.tar.gz": pack_tar({"deep": b"found"})}))
    with (
        open_members(outer, "o.tar.gz") as members,
        members.open("inner.tar.gz") as stream,
        open_members(stream, "inner.tar.gz") as inner,
    ):
        assert inner.read("deep") == b"found"


@given(st.lists(st.text(st.characters(exclude_characters="/\\:\0"), min_size=1).filter(lambda part: part != "..")))
def test_plain_relative_paths_are_safe(parts):
    assert not _leads_outside("/".join(parts))


@given(st.lists(st.sampled_from(["a", "..", "b c"]), min_size=1), st.sampled_from(["/", "\\"]))
def test_any_step_up_is_unsafe(parts, separator):
    assert _leads_outside(separator.join(parts)) == (".." in parts)
