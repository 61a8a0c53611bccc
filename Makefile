# make monitor [SOURCE=0|rtsp://...|clip.mp4]   watch something; the sample where nothing is named
# make train-tools                              what har-train, har-evaluate and har-export need
# make test                                     everything the tests need, then all tests
# make check                                    lint, format and types
# make manual                                   man pages, shell completion and docs/reference.md, of the code
# make soak [MINUTES=60] [DATA=../shared/data]  faults at random, drops, kills: does it keep watching?
# make cluster                                  three Ray nodes on this machine, of which one is killed
# make cluster-soak [MINUTES=30]                something fails in it again and again: is an alert lost, or doubled?
# make fuzz [FUZZ_SECONDS=300]                  input that nobody thought of, so many seconds a target;
#                                               what is found becomes an example of a test
# make benchmark [QUICK=1] [DATA=../shared/data]    what it costs, beside other ways to do the same
# make benchmark-recognition [DATA=../shared/data]  every network on clips of scenes it never saw
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
INSTALL := $(PIP) install -c constraints.txt

# What the OpenCV wheel loads, and the RTSP server that the tests talk to.
CV2_PACKAGES := libxcb1 libgl1 libglib2.0-0
TEST_PACKAGES := $(CV2_PACKAGES) openssl ffmpeg systemd xvfb xdotool postgresql prometheus mosquitto mosquitto-clients chromium python3-gi gir1.2-gst-rtsp-server-1.0 \
	glib-networking gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
	gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly groff-base
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
APT_INSTALL := $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends

# What its schemas need beside them.
HOME_ASSISTANT := homeassistant==2026.2.3 voluptuous==0.15.2

SOURCE ?=
# By the environment, unexpanded: a password may hold a $, and is not to be printed.
export HAR_SOURCE := $(value SOURCE)
SAMPLE := monitor/samples/bus.mp4

# The folder of data sets that the benchmarks run on.
DATA ?= ../shared/data
MINUTES ?= 60
FUZZ_SECONDS ?= 300
# Half of the tests' time is spent waiting for real streams: five of them share two cores.
TEST_WORKERS ?= $(shell echo $$((5 * $$(nproc) / 2)))

.PHONY: monitor train-tools test test-fast check format manual soak cluster cluster-soak fuzz benchmark benchmark-recognition clean

monitor: $(VENV)/.base
ifeq ($(SOURCE),)
	@$(BIN)/har-monitor --headless --source $(SAMPLE) --log alerts.jsonl --web
else
	@case "$$HAR_SOURCE" in [0-9]*|/dev/*) need=1;; *) need=$$DISPLAY$$WAYLAND_DISPLAY;; esac; \
	if [ -c "$$HAR_SOURCE" ]; then need=1; fi; \
	if [ -n "$$need" ] && ! $(BIN)/python -c 'import cv2' 2>/dev/null; then \
		echo "installing what OpenCV needs: $(CV2_PACKAGES)"; \
		$(SUDO) apt-get update -qq && $(APT_INSTALL) $(CV2_PACKAGES) >/dev/null; \
	fi
	@$(BIN)/har-monitor --source "$$HAR_SOURCE" --log alerts.jsonl --web
endif

train-tools: $(VENV)/.train

test: test-fast $(VENV)/home-assistant
	$(BIN)/python -m pytest -q -m slow

test-fast: $(VENV)/.dev $(VENV)/.system
	$(BIN)/python -m pytest -q -n $(TEST_WORKERS) --dist loadfile --ignore=tests/slow -m "not slow"

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

manual: $(VENV)/.train
	@$(BIN)/python -m deploy

benchmark: $(VENV)/.dev $(VENV)/.system
	@$(BIN)/python -m benchmarks.performance --data $(DATA) $(if $(QUICK),--quick)
	@$(BIN)/python -m benchmarks.processes --data $(DATA) $(if $(QUICK),--quick)
	@$(BIN)/python -m benchmarks.scan --data $(DATA) $(if $(QUICK),--quick)
	@$(BIN)/python -m benchmarks.cluster --simulate $(if $(QUICK),--quick)

soak: $(VENV)/.dev $(VENV)/.system
	@$(BIN)/python -m benchmarks.reliability --data $(DATA) --minutes $(MINUTES)

cluster: $(VENV)/.dev $(VENV)/.system
	@$(BIN)/python -m benchmarks.cluster.show

cluster-soak: MINUTES = 30
cluster-soak: $(VENV)/.dev $(VENV)/.system
	@$(BIN)/python -m benchmarks.cluster_soak --minutes $(MINUTES)

fuzz: $(VENV)/.dev
	@$(INSTALL) -e '.[train,dev,fuzz]'
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

benchmark-recognition: $(VENV)/.train
	@$(BIN)/python -m benchmarks.recognition --data $(DATA)

clean:
	rm -rf $(VENV) build *.egg-info

$(VENV)/bin/python:
	@echo "creating the environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing har-monitor"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/.train: $(VENV)/.base
	@echo "installing what training needs"
	@$(INSTALL) -e '.[train]'
	@touch $@

$(VENV)/.dev: $(VENV)/.train
	@echo "installing what the tests need"
	@$(INSTALL) -e '.[train,dev]'
	@touch $@

# Their code alone, which the tests read: they are not installed, and want another Python.
$(VENV)/home-assistant: $(VENV)/bin/python Makefile
	@echo "downloading Home Assistant, to check what it is told"
	@$(PIP) download --no-deps --ignore-requires-python -d $@.new $(HOME_ASSISTANT)
	@rm -rf $@ && mv $@.new $@

$(VENV)/.system:
	@echo "installing system packages: $(TEST_PACKAGES)"
	@$(SUDO) apt-get update -qq
	@$(APT_INSTALL) $(TEST_PACKAGES) >/dev/null
	@touch $@
