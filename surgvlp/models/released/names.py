"""Weights by name: where they are, and on what terms. Nothing here is ours to redistribute."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from surgvlp.files import InputError, sha256_of
from surgvlp.models.released.download import download

NON_COMMERCIAL = "CC BY-NC-SA 4.0: no commercial use"


@dataclass(frozen=True)
class ReleasedWeights:
    """One released file.

    Attributes:
        page: the web page that offers it.
        file: its name there; None where only the page is known, so it must be fetched by hand.
        licence: what its owners say.
        sha256: None where unknown, as for all so far: no file could be had to compute one.
        architecture: what `build_backbone` builds for it; None where only the file says it.
    """

    page: str
    file: str | None
    licence: str
    sha256: str | None = None
    architecture: str | None = None

    @property
    def url(self) -> str | None:
        """Where the file itself is."""
        return f"{self.page}/resolve/main/{self.file}" if self.file else None


def _surgenet(stem: str, epoch: int = 50, architecture: str = "caformer_s18_relu") -> ReleasedWeights:
    """The teacher's file, never the training checkpoint (which published code links for 'Public')."""
    page = "https://huggingface.co/TimJaspersTue/SurgeNetModels"
    file = f"{stem}_checkpoint_epoch{epoch:04}_teacher.pth"
    return ReleasedWeights(page, file, NON_COMMERCIAL, architecture=architecture)


def _surgenet_dino(stem: str, architecture: str | None = None) -> ReleasedWeights:
    page = "https://huggingface.co/rlpddejong/SurgeNetXL_DINOv1-v3"
    licence = f"as SurgeNet's other weights, {NON_COMMERCIAL}; its page has the last word"
    return ReleasedWeights(page, f"{stem}_SurgeNetXL.pth", licence, architecture=architecture)


WEIGHTS: dict[str, ReleasedWeights] = {
    "surgenetxl_caformer_s18": _surgenet("SurgeNetXL"),
    "surgenet_caformer_s18": _surgenet("SurgeNet"),
    "surgenet_small_caformer_s18": _surgenet("SurgeNetSmall"),
    "surgenet_public_caformer_s18": _surgenet("Public"),
    "surgenetxl_public_caformer_s18": _surgenet("PublicXL", epoch=15),
    "surgenet_cholec_caformer_s18": _surgenet("CHOLEC"),
    "surgenet_ramie_caformer_s18": _surgenet("RAMIE"),
    "surgenet_rarp_caformer_s18": _surgenet("RARP"),
    "surgenet_convnextv2_tiny": _surgenet("SurgeNet_ConvNextv2", architecture="convnextv2_tiny"),
    "surgenet_pvt_v2_b2": _surgenet("SurgeNet_PVTv2", architecture="pvt_v2_b2"),
    "surgenetxl_dinov1_vit_small": _surgenet_dino("DINOv1_ViTs16_size224", "vit_small_patch16_224.dino"),
    "surgenetxl_dinov1_vit_base": _surgenet_dino("DINOv1_ViTb16_size224", "vit_base_patch16_224.dino"),
    "surgenetxl_dinov2_vit_small": _surgenet_dino("DINOv2_ViTs14_size336"),
    "surgenetxl_dinov2_vit_base": _surgenet_dino("DINOv2_ViTb14_size336"),
    "surgenetxl_dinov2_vit_large": _surgenet_dino("DINOv2_ViTl14_size336"),
    "surgenetxl_dinov3_vit_small": _surgenet_dino(
        "DINOv3_ViTs16_size336", "vit_small_patch16_dinov3_surgenet"
    ),
    "surgenetxl_dinov3_vit_base": _surgenet_dino("DINOv3_ViTb16_size336", "vit_base_patch16_dinov3_surgenet"),
    "surgenetxl_dinov3_vit_large": _surgenet_dino(
        "DINOv3_ViTl16_size336", "vit_large_patch16_dinov3_surgenet"
    ),
    "surgfm_convnext_large": ReleasedWeights(
        "https://huggingface.co/visurg/LemonFM", None, "Apache-2.0", architecture="convnext_large"
    ),
}


def kept_at(name: str) -> Path:
    """Where a weight name's file is once it was fetched: in torch hub's folder."""
    return Path(torch.hub.get_dir()) / "checkpoints" / f"{name}.pth"


def fetched(name: str) -> Path:
    """The file of a weight name: from torch hub's folder, or downloaded into it once.

    Raises:
        InputError: a file that must be fetched by hand, no network, or another file than expected.
    """
    weights, path = WEIGHTS[name], kept_at(name)
    if path.is_file():
        if weights.sha256 and (found := sha256_of(path)) != weights.sha256:
            raise InputError(
                f"sha256 is {found}, expected {weights.sha256}",
                file=path,
                remedy=f"Delete it, and it will be fetched again from {weights.page}",
            )
        return path
    if weights.url is None:
        raise InputError(
            f"the address of {name}'s file is not known",
            remedy=f"Download it from {weights.page} and give its path, or copy it to {path}",
        )
    download(weights.url, path, weights.sha256)
    return path
