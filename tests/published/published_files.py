"""A text model, a config file and a server, as small as they can be."""

from __future__ import annotations

import http.server
from typing import ClassVar

from transformers import BertConfig

WORDS = ["i", "use", "the", "hook", "to", "dis", "##sect", "gallbladder", "clip", "##per", "a", "duct"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
WIDTH = 16

# As published configs are written: values that no JSON has, and the text model's first letter lost.
CONFIG = """
import torch
import torchvision.transforms as transforms

config = dict(
    model_config=dict(
        type='{kind}',
        backbone_img=dict(
            type='img_backbones/ImageEncoder',
            num_classes=16,
            pretrained='imagenet',
            backbone_name='test_resnet',
            img_norm=False,
        ),
        backbone_text=dict(
            type='text_backbones/BertEncoder',
            text_bert_type='{bert}',
            text_last_n_layers=4,
            text_aggregate_method='sum',
            text_norm=False,
            text_embedding_dim=16,
            text_freeze_bert=False,
            text_agg_tokens=True,
        ),
    ),
    candidates=torch.IntTensor([1, 2]),
    dataset_config=[
        dict(
            type='Recognition_frame',
            csv_root='{root}/csvs',
            vid='video49.csv',
            video_root='{root}/frames',
            transforms=transforms.Compose([transforms.Resize((36, 64)), transforms.ToTensor()]),
        )
    ],
)
"""


def text_config() -> BertConfig:
    return BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=WIDTH,
        num_hidden_layers=5,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=96,
    )


class Server(http.server.BaseHTTPRequestHandler):
    """One file, by Range too; a test says after how many bytes the connection breaks, and how it answers."""

    body: ClassVar[bytes] = b""
    breaks_after: ClassVar[int | None] = None
    tag: ClassVar[str | None] = '"1"'
    kind: ClassVar[str] = "application/zip"
    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.seen.append((self.path, wanted))
        begin = int(wanted[6:-1]) if wanted and self.headers.get("If-Range") == self.tag else 0
        if begin >= len(self.body) > 0:
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Type", self.kind)
        self.send_header("Content-Length", str(len(self.body) - begin))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(self.body) - 1}/{len(self.body)}")
        if self.tag:
            self.send_header("ETag", self.tag)
            self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        self.wfile.write(self.body[begin : self.breaks_after])

    def log_message(self, format: str, *arguments: object) -> None:
        pass
