"""Message classes from compiled .proto files, in a descriptor pool of their own.

Messages of a private pool load beside TensorFlow's, which claim the same names, and with any runtime version of
protobuf.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["MessagePool"]


class MessagePool:
    """The messages of one package.

    Args:
        package: The package that the .proto files name.
        descriptors: A serialized FileDescriptorSet, each file after those that it imports.
    """

    def __init__(self, package: str, descriptors: bytes) -> None:
        self._package = package
        self._pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
            self._pool.AddSerializedFile(file.SerializeToString())

    def message_class(self, name: str) -> Any:
        """Returns the class of a message, such as "PredictRequest".

        Raises:
            KeyError: There is no message of that name.
        """
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"{self._package}.{name}"))
