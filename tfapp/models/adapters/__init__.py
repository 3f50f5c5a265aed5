"""Holds the adapters, by which a pretrained BERT's kernels learn with few weights: one file for each method."""

from tfapp.models.adapters.adalora import RankAllocator, SingularValueUpdate
from tfapp.models.adapters.adapter_file import AdapterFile, backbone_fingerprint, kernels_by_name
from tfapp.models.adapters.base import KernelAdapter
from tfapp.models.adapters.dora import DirectionUpdate
from tfapp.models.adapters.lora import LowRankUpdate
from tfapp.models.adapters.methods import adapter_class, adapter_scale

__all__ = [
    "AdapterFile",
    "DirectionUpdate",
    "KernelAdapter",
    "LowRankUpdate",
    "RankAllocator",
    "SingularValueUpdate",
    "adapter_class",
    "adapter_scale",
    "backbone_fingerprint",
    "kernels_by_name",
]
