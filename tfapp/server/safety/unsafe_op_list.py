"""The list of TensorFlow's ops that touch files, processes or the network, with the effect of each class of them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

__all__ = ["FILE_INPUTS", "READER_OPS", "SAVER_OPS", "UNSAFE_OPS", "effect"]

_READS: Final = (
    *("ReadFile", "MatchingFiles", "WholeFileReader", "WholeFileReaderV2", "TextLineReader", "TextLineReaderV2"),
    *("FixedLengthRecordReader", "FixedLengthRecordReaderV2", "TFRecordReader", "TFRecordReaderV2", "LMDBReader"),
    *("TextLineDataset", "TFRecordDataset", "TFRecordDatasetV2", "FixedLengthRecordDataset"),
    *("FixedLengthRecordDatasetV2", "CSVDataset", "CSVDatasetV2", "ExperimentalCSVDataset", "LMDBDataset"),
    *("ExperimentalLMDBDataset", "SqlDataset", "ExperimentalSqlDataset", "MatchingFilesDataset"),
    *("ExperimentalMatchingFilesDataset", "LoadDataset", "SnapshotDatasetReader", "SnapshotNestedDatasetReader"),
    *("SnapshotChunkDataset", "ListSnapshotChunksDataset", "RecordInput", "GenerateVocabRemapping"),
    *("LoadAndRemapMatrix", "ImmutableConst", "InitializeTableFromTextFile", "InitializeTableFromTextFileV2"),
    *("FixedUnigramCandidateSampler", "Skipgram", "Restore", "RestoreSlice", "RestoreV2", "DTensorRestoreV2"),
    *("DecodeProtoV2", "EncodeProto"),
)
_WRITES: Final = (
    *("WriteFile", "Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints", "SaveDataset", "SaveDatasetV2"),
    *("DistributedSave", "SnapshotDataset", "SnapshotDatasetV2", "CacheDataset", "CacheDatasetV2"),
    *("DatasetToTFRecord", "ExperimentalDatasetToTFRecord", "CreateSummaryFileWriter", "CreateSummaryDbWriter"),
    *("DumpTensor", "CalibrationStatisticsSaver", "PrintV2"),
)
# Their addresses are file:// or grpc://.
_DEBUGS: Final = ("DebugIdentity", "DebugIdentityV2", "DebugIdentityV3", "DebugNanCount", "DebugNumericSummary")
_CONNECTS: Final = (
    *("RpcServer", "RpcServerStart", "RpcServerRegister", "RpcClient", "RpcCall", "RpcCheckStatus", "RpcGetValue"),
    *("DataServiceDataset", "DataServiceDatasetV2", "DataServiceDatasetV3", "DataServiceDatasetV4"),
    *("RegisterDataset", "RegisterDatasetV2", "RemoteCall", "FileSystemSetConfiguration"),
    *("Send", "Recv", "_Send", "_Recv", "_HostSend", "_HostRecv"),
    *("CollectiveInitializeCommunicator", "CollectiveAssignGroupV2", "CollectiveReduce", "CollectiveReduceV2"),
    *("CollectiveReduceV3", "CollectiveGather", "CollectiveGatherV2", "CollectiveBcastSend"),
    *("CollectiveBcastSendV2", "CollectiveBcastRecv", "CollectiveBcastRecvV2", "CollectivePermute"),
    *("CollectiveAllToAllV2", "CollectiveAllToAllV3", "CollectiveReduceScatterV2"),
)
_PROCESSES: Final = (
    *("PyFunc", "PyFuncStateless", "EagerPyFunc", "Abort", "WorkerHeartbeat", "XlaCustomCall", "XlaCustomCallV2"),
    # The graph or the iterator that they run is data, which nobody can look into before.
    *("DatasetFromGraph", "DeserializeIterator", "XlaCallModule"),
)
# Operations of StableHLO that run code registered in the process, or speak to others, for whom they wait for ever.
_HLO_EFFECTS: Final = (b"custom_call", b"infeed", b"outfeed", b"send", b"recv")

UNSAFE_OPS: Final = MappingProxyType(
    {
        **dict.fromkeys(_READS, "reads files"),
        **dict.fromkeys(_WRITES, "writes files"),
        **dict.fromkeys(_DEBUGS, "writes to files or sends to addresses"),
        **dict.fromkeys(_CONNECTS, "speaks to other processes or machines"),
        **dict.fromkeys(_PROCESSES, "runs other code in the process, or ends it"),
    }
)

# What a saver's functions do: they read and write the model's variables where whoever calls them says.
READER_OPS: Final = frozenset({"Restore", "RestoreSlice", "RestoreV2"})
SAVER_OPS: Final = READER_OPS | {"Save", "SaveSlices", "SaveV2", "MergeV2Checkpoints"}

# Which input of an op names its files, where these may be the version's own assets.
FILE_INPUTS: Final = MappingProxyType(
    {
        "InitializeTableFromTextFile": 1,
        "InitializeTableFromTextFileV2": 1,
        "ReadFile": 0,
        "TextLineDataset": 0,
        "TFRecordDataset": 0,
        "TFRecordDatasetV2": 0,
        "FixedLengthRecordDataset": 0,
        "FixedLengthRecordDatasetV2": 0,
    }
)


def effect(node: Any) -> str:
    """Returns the effect of a NodeDef's op that a model should not have; empty: it has none."""
    # These do it only where an attribute says so.
    if node.op == "PrintV2" and not node.attr["output_stream"].s.startswith(b"file:"):
        return ""
    if node.op == "FixedUnigramCandidateSampler" and not node.attr["vocab_file"].s:
        return ""
    if node.op in ("DecodeProtoV2", "EncodeProto") and _describes_itself(node.attr["descriptor_source"].s):
        return ""
    if node.op == "XlaCallModule" and _only_computes(node.attr["module"].s):
        return ""
    return UNSAFE_OPS.get(node.op, "")


def _only_computes(module: bytes) -> bool:
    """Returns whether a StableHLO program calls nothing of the process's own, and waits for nobody.

    Only of MLIR's bytecode, where the names of operations stand in plain bytes; text has escapes for them.
    """
    return module.startswith(b"ML\xefR") and not any(name in module for name in _HLO_EFFECTS)


def _describes_itself(descriptor_source: bytes) -> bool:
    """Returns whether messages are described by the program or in the graph; else the source is a file's path."""
    return descriptor_source in (b"", b"local://") or descriptor_source.startswith(b"bytes://")
