from __future__ import annotations

import base64
import hashlib
import logging
import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tfapp.assets.entries import Archive
from tfapp.assets.index import PackageIndex
from tfapp.assets.pip_settings import IndexSettings
from tfapp.errors import AssetError

_CONTENT = b"wheel" * 5000
_WHEEL = Archive("things==1.0", "things-1.0-py3-none-any.whl", hashlib.sha256(_CONTENT).hexdigest(), size=len(_CONTENT))


@pytest.fixture
def web():
    """A package index over HTTP; `answers` maps a path to (status, headers, body)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.server.users.add(self.headers.get("Authorization"))
            status, headers, body = self.server.answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.asked, server.users = {}, [], set()
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _page(*links: str):
    body = "".join(f'<a href="{link}">x</a>' for link in links).encode()
    return 200, {"Content-Type": "text/html"}, body


def _offer(web, *, fragment: str = "", content: bytes = _CONTENT, **headers: str):
    web.answers["/simple/things/"] = _page("/files/things-1.0.tar.gz", f"{web.address}/files/{_WHEEL.file}{fragment}")
    web.answers[f"/files/{_WHEEL.file}"] = (200, headers, content)


def _download(tmp_path, settings, archive=_WHEEL, on_progress=lambda *_: None):
    return PackageIndex(settings).download(archive, tmp_path, on_progress)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_file_is_brought_with_progress(web, tmp_path):
    _offer(web)
    progress = []
    settings = IndexSettings(index_url=f"{web.address}/simple")
    file = _download(tmp_path, settings, on_progress=lambda *counts: progress.append(counts))
    assert file == tmp_path / _WHEEL.file
    assert file.read_bytes() == _CONTENT
    assert progress[-1] == (len(_CONTENT), len(_CONTENT))
    assert progress == sorted(progress)


def test_a_redirect_is_followed(web, tmp_path):
    _offer(web)
    web.answers["/old/things/"] = (301, {"Location": "/simple/things/"}, b"")
    assert _download(tmp_path, IndexSettings(index_url=f"{web.address}/old")).read_bytes() == _CONTENT


def test_a_password_in_the_address_is_sent_and_never_shown(web, tmp_path):
    web.answers["/simple/things/"] = (503, {}, b"")
    address = web.address.replace("//", "//me:secret@")
    with pytest.raises(AssetError) as excinfo:
        _download(tmp_path, IndexSettings(index_url=f"{address}/simple"))
    assert "HTTP status 503" in str(excinfo.value)
    assert "secret" not in str(excinfo.value)
    _offer(web)
    assert _download(tmp_path, IndexSettings(index_url=f"{address}/simple")).read_bytes() == _CONTENT
    assert web.users == {f"Basic {base64.b64encode(b'me:secret').decode()}"}


def test_a_folder_is_looked_through_before_the_network(local_index, tmp_path):
    archive = local_index.entries["tweets"].archive
    unreachable = f"http://127.0.0.1:{_free_port()}/simple"
    settings = IndexSettings(index_url=unreachable, find_links=(str(tmp_path / "missing"), str(local_index.folder)))
    target = tmp_path / "target"
    target.mkdir()
    file = _download(target, settings, archive)
    assert file.read_bytes() == (local_index.folder / archive.file).read_bytes()


def test_an_index_that_is_down_does_not_hide_the_next(web, tmp_path):
    _offer(web)
    down = f"http://127.0.0.1:{_free_port()}/simple"
    settings = IndexSettings(index_url=down, extra_index_urls=(f"{web.address}/simple",))
    assert _download(tmp_path, settings).read_bytes() == _CONTENT


def test_no_network_is_one_line_that_names_the_requirement(tmp_path):
    settings = IndexSettings(index_url=f"http://127.0.0.1:{_free_port()}/simple")
    with pytest.raises(AssetError) as excinfo:
        _download(tmp_path, settings)
    message = str(excinfo.value)
    assert message.startswith("cannot reach the package index for things==1.0 (")
    assert "check the connection, or pip's index and proxy settings" in message
    assert "\n" not in message


@pytest.mark.parametrize("file", ["things-1.0-py3-none-any.whl", "things-1.0.tar.gz"])
def test_a_version_that_is_not_there(web, tmp_path, file, caplog):
    web.answers["/simple/things/"] = _page("/files/things-1.1-py3-none-any.whl", "/files/things-0.9.tar.gz")
    settings = IndexSettings(index_url=f"{web.address}/simple", extra_index_urls=(f"{web.address}/other",))
    with pytest.raises(AssetError, match=r"of things==1.0 is not on the package index; check pip's index settings"):
        _download(tmp_path, settings, replace(_WHEEL, file=file))
    assert web.asked == ["/simple/things/", "/other/things/"]
    assert any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("unearth").handlers)


def test_a_stated_checksum_that_differs_is_told_without_a_download(web, tmp_path):
    _offer(web, fragment=f"#sha256={'0' * 64}")
    with pytest.raises(AssetError, match=f"expected sha256 {_WHEEL.sha256}, received {'0' * 64}"):
        _download(tmp_path, IndexSettings(index_url=f"{web.address}/simple"))
    assert f"/files/{_WHEEL.file}" not in web.asked


def test_another_source_may_have_the_right_file(web, tmp_path):
    _offer(web)
    web.answers["/bad/things/"] = _page(f"/files/{_WHEEL.file}#sha256={'0' * 64}")
    settings = IndexSettings(index_url=f"{web.address}/bad", extra_index_urls=(f"{web.address}/simple",))
    assert _download(tmp_path, settings).read_bytes() == _CONTENT


def test_an_interrupted_download_is_tried_again_then_told(web, tmp_path):
    _offer(web, **{"Content-Length": str(len(_CONTENT) + 5)})
    with pytest.raises(AssetError, match=r"the download of things==1.0 was interrupted .*nothing was kept"):
        _download(tmp_path, IndexSettings(index_url=f"{web.address}/simple"))
    assert web.asked.count(f"/files/{_WHEEL.file}") == 3
    assert not list(tmp_path.iterdir())


def test_a_file_longer_than_stated_is_not_read_to_its_end(web, tmp_path):
    _offer(web)
    with pytest.raises(AssetError, match="longer than its 100 bytes"):
        _download(tmp_path, IndexSettings(index_url=f"{web.address}/simple"), replace(_WHEEL, size=100))


def test_a_link_to_nothing(web, tmp_path):
    _offer(web)
    del web.answers[f"/files/{_WHEEL.file}"]
    with pytest.raises(AssetError, match=r"lists things-1.0-py3-none-any.whl but does not give it"):
        _download(tmp_path, IndexSettings(index_url=f"{web.address}/simple"))


@pytest.mark.parametrize("setting", [{"cert": "/no/such/ca.pem"}, {"client_cert": "/no/me.pem"}, {"proxy": "nonsense"}])
def test_settings_that_cannot_be_used(tmp_path, setting):
    with pytest.raises(AssetError, match="pip's settings cert, client-cert or proxy cannot be used"):
        _download(tmp_path, IndexSettings(no_index=True, **setting))
