"""Deploys a model config file to running servers, and waits until they serve the versions in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tfapp.core.remote_server import RemoteServer
from tfapp.errors import RegistryError

if TYPE_CHECKING:
    from tfapp_client import Client, TlsFiles

__all__ = ["Servers"]

_METHOD: Final = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"
_PAUSE_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Servers:
    """The servers that read one model config file.

    Attributes:
        addresses: HOST:PORT of each.
        reload: Send them the file whenever it has changed; False: they read it again by themselves.
        timeout: Longest time to wait for a version or a label, in seconds.
        tls: Encrypts the connections; None: plain text.
        token: Sent with each call as a bearer token.
    """

    addresses: Sequence[str]
    reload: bool = False
    timeout: float = 300.0
    tls: TlsFiles | None = None
    token: str | None = field(default=None, repr=False)

    def check(self) -> None:
        """Checks certificates and token, before anything is changed; calls nobody.

        Raises:
            SettingsError: A file cannot be read, or the token would travel in plain text.
        """
        for address in self.addresses:
            self._server(address).endpoint()

    def send(self, config: Path) -> None:
        """Sends the file to the servers, if they do not read it themselves; it replaces all that they serve.

        Raises:
            RegistryError: A server refuses it, or cannot be reached.
        """
        for address in self.addresses if self.reload else ():
            self._send(address, config)

    def wait_for_version(self, name: str, version: int, config: Path) -> None:
        """Waits until a version takes requests on every server.

        Raises:
            RegistryError: A server does not load it, or not in time.
        """

        def find_obstacle(address: str, client: Client) -> str:
            states = {state.version: state for state in client.status(name, timeout=self.timeout)}
            state = states.get(version)
            if state is not None and state.state == "END" and state.error:
                raise RegistryError(f"{address} cannot load {name} version {version}: {state.error}")
            return "" if state and state.available else f"version {version} is {state.state if state else 'unknown'}"

        self._wait(f"has no {name} version {version} that takes requests", find_obstacle, config)

    def wait_for_label(self, name: str, label: str, version: int, config: Path) -> None:
        """Waits until a label points at a version on every server.

        Raises:
            RegistryError: It does not in time.
        """

        def find_obstacle(_address: str, client: Client) -> str:
            return _label_obstacle(client, name, label, version, self.timeout)

        self._wait(f"has not moved label {label} of {name} to version {version}", find_obstacle, config)

    def wait_for_unload(self, name: str, versions: Collection[int], config: Path) -> None:
        """Waits until versions take no requests any more on any server.

        Raises:
            RegistryError: They still do after the longest time.
        """

        def find_obstacle(_address: str, client: Client) -> str:
            states = client.status(name, timeout=self.timeout)
            serving = sorted(state.version for state in states if state.available and state.version in versions)
            return f"it serves {', '.join(map(str, serving))}" if serving else ""

        if versions:
            numbers = ", ".join(map(str, versions))
            self._wait(f"has not unloaded {name} version {numbers}, which no label names,", find_obstacle, config)

    def without_label(self, name: str, label: str, version: int) -> Servers:
        """Returns those servers whose label is not at a version, or that cannot be asked."""

        def lacks(address: str) -> bool:
            with self._server(address).client() as client:
                return bool(_ask(lambda _, c: _label_obstacle(c, name, label, version, self.timeout), address, client))

        return replace(self, addresses=[address for address in self.addresses if lacks(address)])

    def _wait(self, failure: str, find_obstacle: Callable[[str, Client], str], config: Path) -> None:
        end = time.monotonic() + self.timeout
        for address in self.addresses:
            with self._server(address).client() as client:
                while reason := _ask(find_obstacle, address, client):
                    if time.monotonic() > end:
                        raise RegistryError(
                            f"{address} {failure} after {self.timeout:g} s: {reason}; does it read {config} again "
                            "(--model_config_file_poll_wait_seconds)? if not, give --reload"
                        )
                    time.sleep(_PAUSE_SECONDS)

    def _server(self, address: str) -> RemoteServer:
        return RemoteServer(address, self.tls, self.token)

    def _send(self, address: str, config: Path) -> None:
        import grpc

        from tfapp.core.tensorflow_import import import_tensorflow
        from tfapp.registry import read_model_config

        import_tensorflow()
        from tensorflow_serving.apis import model_management_pb2

        endpoint = self._server(address).endpoint()
        request = model_management_pb2.ReloadConfigRequest(config=read_model_config(config))
        with endpoint.open(grpc) as channel:
            call = channel.unary_unary(
                _METHOD,
                request_serializer=model_management_pb2.ReloadConfigRequest.SerializeToString,
                response_deserializer=model_management_pb2.ReloadConfigResponse.FromString,
            )
            try:
                call(request, timeout=self.timeout, metadata=endpoint.metadata())
            except grpc.RpcError as error:
                raise RegistryError(
                    f"{address} does not take {config}: {error.code().name}: {error.details()}"
                ) from error


def _label_obstacle(client: Client, name: str, label: str, version: int, timeout: float) -> str:
    """Returns where a label points, if that is not the version."""
    label_version = client.metadata(name, label=label, timeout=timeout).version
    return "" if label_version == version else f"it is at {label_version}"


def _ask(find_obstacle: Callable[[str, Client], str], address: str, client: Client) -> str:
    """Returns why a server is not ready yet, also where it is away or does not know the model; empty: it is ready."""
    from tfapp_client import StatusError
    from tfapp_client.errors import DeadlineExceededError, InvalidArgumentError, NotFoundError, UnavailableError

    try:
        return find_obstacle(address, client)
    except (DeadlineExceededError, InvalidArgumentError, NotFoundError, UnavailableError) as error:
        return str(error)
    except StatusError as error:
        raise RegistryError(f"{address} cannot be asked: {error}; check the address, and what answers there") from error
