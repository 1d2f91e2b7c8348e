# Every command sets up what it needs by itself. Needed beforehand: Python 3.11 to 3.13 with venv, git, make.
SETUP = sh requirements/setup.sh
BEDSIDE = .venv/bin/bedside
UV = .venv/bin/uv pip compile --system-certs --universal --generate-hashes --no-annotate --python-version 3.11 \
     --custom-compile-command "make lock" --quiet

.PHONY: help setup setup-dev demo demo-dashboard test bench bench-mapping bench-extract bench-accept bench-analysis bench-dashboard bench-quality schemas test-hapi test-hapi-full lint \
        format lock clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

setup:  ## .venv with what a run needs
	@$(SETUP) run

setup-dev:  ## .venv with what tests and linters need too
	@$(SETUP) dev

demo: setup  ## the sample study against the embedded sandbox server, through Prefect
	@$(BEDSIDE) run studies/li2023 --fresh

demo-dashboard: setup  ## sixty simulated nights of three hospitals (minutes), and the dashboard of them
	@.venv/bin/python -m flows.sample_nights
	@$(BEDSIDE) dashboard demo/dashboard --runs demo/dashboard/runs

test: setup-dev  ## every test this machine can run
	@.venv/bin/pytest -n auto --dist loadgroup

test-hapi: setup-dev  ## the sample study and two public patients against a real HAPI server
	@.venv/bin/pytest -m hapi

test-hapi-full: setup-dev  ## the same with all thirteen public colorectal patients
	@BEDSIDE_HAPI_FULL=1 .venv/bin/pytest -m hapi

bench: setup  ## seconds and memory of each step on growing synthetic cohorts
	@.venv/bin/python benchmarks/steps.py

bench-mapping:  ## views beside hand-written SQL and other engines, on the same files (resumes; BENCH="--fresh" starts anew)
	@$(SETUP) spark
	@.venv/bin/python -m benchmarks.mapping $(BENCH)

bench-extract: setup  ## extraction beside plain downloads and other clients, one local server (resumes; BENCH="--10gb" for the long memory measure)
	@.venv/bin/python -m benchmarks.extract $(BENCH)

bench-accept: setup-dev  ## acceptance beside fhir.resources, on the public sample of the shared folder
	@.venv/bin/python -m benchmarks.acceptance $(BENCH)

bench-analysis: setup-dev  ## derivation and comparison of up to a million subjects, beside lifelines and R's survival
	@.venv/bin/python -m benchmarks.analysis $(BENCH)

bench-dashboard: setup-dev  ## bytes and seconds of the dashboard of 50 checks, 20 sites and 100 runs
	@.venv/bin/python -m benchmarks.dashboard $(BENCH)

bench-quality: setup-dev  ## seconds and memory of the whole catalogue of checks on ten million rows
	@.venv/bin/python -m benchmarks.quality $(BENCH)

schemas: setup-dev  ## renew the quick judge's schemas from the installed fhir.resources
	@.venv/bin/python -m flows.acceptance.schema_file

lint: setup-dev  ## ruff, mypy, import-linter
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

format: setup-dev  ## let ruff write the code its way
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

lock:  ## renew the hashed requirement files
	@[ -x .venv/bin/uv ] || { python3 -m venv .venv; .venv/bin/pip install -q uv; }
	$(UV) --extra dev --extra build --extra spark -o requirements/dev.txt pyproject.toml
	$(UV) --extra build -c requirements/dev.txt -o requirements/run.txt pyproject.toml
	$(UV) --extra build --extra spark -c requirements/dev.txt -o requirements/spark.txt pyproject.toml
	echo "uv==$$(.venv/bin/uv --version | cut -d' ' -f2)" | $(UV) -o requirements/uv.txt -

clean:  ## remove what was made here (runs stay)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
