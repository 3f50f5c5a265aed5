# Thin targets: what they run works as well by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# seqeval is there as source only, which pip's old way of building cannot build any more.
export PIP_USE_PEP517 := 1

.PHONY: help install demo demo-support demo-monitor demo-recommend console test test-full test-interop fuzz bench bench-full check format lock audit protos clean

help:
	@echo "make demo       from labelled text to a served BERT, in one command"
	@echo "make demo-support  a customer service that answers from past conversations"
	@echo "make demo-monitor  trends and alerts for a stream of texts"
	@echo "make demo-recommend  news recommendations for simulated readers, with reasons"
	@echo "make console    shows the results of the demos in a browser"
	@echo "make test       the tests, about 10 minutes on two cores"
	@echo "make test-full  the slow tests: real weights, kill tests, more variants of each task"
	@echo "make test-interop  exported models asked by ONNX Runtime, OpenVINO, Transformers and sentence-transformers"
	@echo "make fuzz       the property tests with new examples, and ten minutes of hostile inputs (tests/hostile)"
	@echo "make bench      speed compared with five other engines, in about 12 minutes; DATA=DIR for other texts"
	@echo "make bench-full the same with more rounds, texts and contenders, in some hours"
	@echo "make check      checks format, lint, types, imports and layout"
	@echo "make format     fixes format and simple lint"
	@echo "make lock       writes requirements.lock and requirements-build.lock: all dependencies of the .txt files, with hashes"
	@echo "make audit      known vulnerabilities of the locked packages; asks the package index"

$(VENV)/run.stamp: requirements.txt pyproject.toml serving/client/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r requirements.txt -e serving/client -e .
	@touch $@

$(VENV)/apps.stamp: $(VENV)/run.stamp requirements-apps.txt
	$(BIN)/python -m pip install --quiet -r requirements-apps.txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/apps.stamp requirements-search.txt requirements-onnx.txt requirements-dev.txt
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@

install: $(VENV)/run.stamp

demo: $(VENV)/run.stamp
	@$(BIN)/tfapp demo

demo-support: $(VENV)/apps.stamp
	@rm -rf build/support
	@$(BIN)/tfapp support demo --home build/support

demo-monitor: $(VENV)/apps.stamp
	@rm -rf build/monitor
	@$(BIN)/tfapp monitor demo --home build/monitor

demo-recommend: $(VENV)/apps.stamp
	@rm -rf build/recommend
	@$(BIN)/tfapp recommend demo --home build/recommend

console: $(VENV)/apps.stamp
	@$(BIN)/tfapp console --home build --models models

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-full: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile

# Exported models are asked by the libraries of others, which have an environment of their own.
INTEROP := .venv-interop
$(INTEROP)/interop.stamp: tests/interop/requirements.txt
	$(PYTHON) -m venv $(INTEROP)
	$(INTEROP)/bin/python -m pip install --quiet -r tests/interop/requirements.txt
	@touch $@

test-interop: $(VENV)/dev.stamp $(INTEROP)/interop.stamp
	TFAPP_INTEROP_PYTHON=$(CURDIR)/$(INTEROP)/bin/python $(BIN)/python -m pytest tests/interop

fuzz: $(VENV)/dev.stamp
	TFAPP_EXAMPLES=fuzz $(BIN)/python -m pytest -m "hypothesis and not slow" -n 2
	TFAPP_HOSTILE_SECONDS=600 $(BIN)/python -m pytest tests/hostile

# The peers have an environment of their own.
PEERS := .venv-peers
BENCH := build/bench
PEER_FILES := benchmarks/requirements/inference-peers.txt benchmarks/requirements/accuracy-peer.txt

$(PEERS)/stamp: $(PEER_FILES)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet $(addprefix -r ,$(PEER_FILES))
	@touch $@

# Results are kept by class of processor.
CLASS = $(BENCH)/$(shell $(BIN)/python benchmarks/processor.py)
MEASURE = @mkdir -p $(CLASS) && $(BIN)/python benchmarks
PEER = --peer $(PEERS)/bin/python $(if $(DATA),--data $(DATA))

bench: $(VENV)/run.stamp $(PEERS)/stamp
	$(MEASURE)/inference.py --quick $(PEER) --output $(CLASS)/inference.json --plots $(CLASS)
	$(MEASURE)/training.py --quick $(PEER) --output $(CLASS)/training.json --plots $(CLASS)
	$(MEASURE)/scale.py --quick --output $(CLASS)/scale.json --plots $(CLASS)

bench-full: $(VENV)/run.stamp $(PEERS)/stamp
	$(MEASURE)/inference.py $(PEER) --output $(CLASS)/inference.json --plots $(CLASS)
	$(MEASURE)/training.py $(PEER) --to-accuracy 0.97 --output $(CLASS)/training.json --plots $(CLASS)
	$(MEASURE)/scale.py --output $(CLASS)/scale.json --plots $(CLASS)

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python serving/client/unasync.py --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_layout.py

format: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python serving/client/unasync.py

# Their tools have an environment of their own, with pins of their own.
LOCK := .venv-lock

$(LOCK)/stamp: Makefile
	$(PYTHON) -m venv $(LOCK)
	$(LOCK)/bin/python -m pip install --quiet uv==0.13.9 pip-audit==2.10.1
	@touch $@

# For all platforms and Pythons; no index's address gets into them. What builds is of the versions that are locked beside.
COMPILE := $(LOCK)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

lock: $(LOCK)/stamp
	$(COMPILE) --output-file requirements.lock requirements.txt
	$(COMPILE) --constraints requirements.lock --output-file requirements-build.lock requirements-build.txt

audit: $(LOCK)/stamp
	$(LOCK)/bin/pip-audit --disable-pip --require-hashes --requirement requirements.lock --requirement requirements-build.lock

# Compiles the messages of client and server; the result is committed, so that users need no compiler.
CLIENT_PROTOS := serving/client/tfapp_client/protos
SERVER_PROTOS := tfapp/server/protos
PROTOC := $(BIN)/python -m grpc_tools.protoc

protos: $(VENV)/dev.stamp
	$(PROTOC) --proto_path=$(CLIENT_PROTOS) --descriptor_set_out=$(CLIENT_PROTOS)/serving.binpb $(CLIENT_PROTOS)/*.proto
	$(PROTOC) --proto_path=$(SERVER_PROTOS) --descriptor_set_out=$(SERVER_PROTOS)/server_config.binpb $(SERVER_PROTOS)/*.proto

clean:
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
