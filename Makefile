# Each target is a thin line over a plain command; run `make` to see them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

.PHONY: advisories bundle bundle-portable bundle-twice compatibility help service-cycle demo quick-start test check faults network faults-scaled relay-scaled sim soak security fuzz api-walks bugs bench lock screenshots schemas messages docs client release packages clean

help: ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/run: requirements.lock pyproject.toml
	@echo "Preparing .venv with what Groundwire needs (about a minute the first time) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Groundwire needs Python 3.11 or later; set PYTHON=..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/dev: requirements-dev.lock .venv/run
	@echo "Adding what the tests need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.venv/fuzz: requirements-fuzz.lock .venv/dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.lock
	@touch $@

demo: .venv/run ## relay, agent and a sandbox ERP on this machine; Ctrl-C ends it. ONCE=1: one round, a summary, and out
	@$(BIN)/python examples/demo/demo.py $(if $(ONCE),--once)

quick-start: .venv/dev ## README's quick start as it stands, with the installation; says the seconds
	GROUNDWIRE_QUICK_START=1 $(BIN)/pytest -q -n 0 tests/integration/test_quick_start.py

test: .venv/dev packages check ## everything that CI runs
	$(BIN)/pytest -q -m "not slow" --numprocesses 4 --dist loadfile --no-loadscope-reorder --durations 40 --durations-min 3

check: .venv/dev ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --no-warn-unreachable --cache-dir .mypy_cache/windows -p agent -p drivers
	$(BIN)/lint-imports

faults: .venv/dev packages ## the long fault suites: GROUNDWIRE_IMAGES, _KILLS, _PAIR_KILLS, _POINTS and _INTERRUPTIONS say how long
	GROUNDWIRE_IMAGES=$${GROUNDWIRE_IMAGES:-100000} GROUNDWIRE_KILLS=$${GROUNDWIRE_KILLS:-500} GROUNDWIRE_PAIR_KILLS=$${GROUNDWIRE_PAIR_KILLS:-10000} GROUNDWIRE_POINTS=$${GROUNDWIRE_POINTS:-3} GROUNDWIRE_WRITES=all GROUNDWIRE_FLIPS=all GROUNDWIRE_INTERRUPTIONS=$${GROUNDWIRE_INTERRUPTIONS:-100000} $(BIN)/pytest -q --timeout 7200 tests/faults

compatibility: .venv/dev packages ## this version with the one before it, files and processes: killed GROUNDWIRE_COMPATIBILITY times a side (docs/upgrade.md)
	GROUNDWIRE_COMPATIBILITY=$${GROUNDWIRE_COMPATIBILITY:-5} $(BIN)/pytest -q -n 0 tests/released tests/system/test_upgrade.py tests/system/test_moving.py

network: .venv/dev packages ## a week without a relay (GROUNDWIRE_OUTAGE records), a fleet (GROUNDWIRE_FLEET agents), lines with the times as shipped, frames cut at every byte
	GROUNDWIRE_OUTAGE=$${GROUNDWIRE_OUTAGE:-10000000} GROUNDWIRE_FLEET=$${GROUNDWIRE_FLEET:-1000} GROUNDWIRE_AWAY=$${GROUNDWIRE_AWAY:-8} GROUNDWIRE_LINES=1 GROUNDWIRE_CUTS=all $(BIN)/pytest -q -s tests/faults/test_outage.py tests/faults/test_fleet.py tests/faults/test_bad_lines.py tests/faults/test_spoiled_frames.py

faults-scaled: .venv/dev packages ## the scaled set-up under load, each process killed GROUNDWIRE_SCALED_ROUNDS times (docs/relay-scaled.md)
	GROUNDWIRE_SCALED_ROUNDS=$${GROUNDWIRE_SCALED_ROUNDS:-10} GROUNDWIRE_SCALED_AGENTS=$${GROUNDWIRE_SCALED_AGENTS:-20} $(BIN)/pytest -q -s -n 0 tests/faults/test_scaled.py
	$(BIN)/pytest -q -s -n 0 -m slow tests/integration/relay_postgresql/test_stopping.py

relay-scaled: .venv/run ## PostgreSQL, NATS, two relays and a proxy on this machine; Ctrl-C ends them (docs/relay-scaled.md)
	@$(BIN)/python examples/scaled/scaled.py

security: .venv/dev packages ## the attacks on the agent, long: GROUNDWIRE_STRINGS says how many texts go through each language
	GROUNDWIRE_STRINGS=$${GROUNDWIRE_STRINGS:-100000} $(BIN)/pytest -q --timeout 7200 tests/security tests/test_canaries.py

fuzz: .venv/fuzz ## coverage-guided fuzzing: SECONDS=60 for each target, TARGET=frames for one (docs/fuzzing.md)
	@$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) $(if $(TARGET),--target $(TARGET))

api-walks: .venv/dev ## walk along the links of the API's description with every check on: REQUESTS=4000 (docs/api.md)
	GROUNDWIRE_API_REQUESTS=$(or $(REQUESTS),4000) $(BIN)/pytest -q -s -n 0 --timeout 0 tests/integration/test_relay_openapi_links.py

bugs: .venv/dev packages ## plant each seeded bug and see that a test catches it (docs/seeded-bugs.md). BUG=07: one; JOBS=2: two at a time
	$(BIN)/python -m tests.bugs.hunt $(addprefix --bug ,$(BUG)) --jobs $(or $(JOBS),1)

sim: .venv/dev ## worlds of the simulation on all cores: SEEDS says how many, FIRST the first seed, JOBS=1: one at a time (docs/simulation.md)
	$(BIN)/python -m tests.sim.run --seeds $(or $(SEEDS),1000) --first $(or $(FIRST),0) $(if $(JOBS),--jobs $(JOBS))

soak: .venv/dev ## agent and relay under load and faults for SECONDS=3600, their memory and files looked at; SAMPLES=file keeps what was seen
	GROUNDWIRE_SOAK=$(or $(SECONDS),3600) GROUNDWIRE_SOAK_SAMPLES=$(SAMPLES) $(BIN)/pytest -q -s -n 0 tests/faults/test_soak.py

bench: .venv/dev packages ## the numbers of docs/benchmarks.md (see bench/README.md)
	$(BIN)/python -m bench.all

bundle: .venv/dev ## the program with everything that it needs, in build/bundle/groundwire (docs/bundle.md)
	$(BIN)/python packaging/build.py bundle

bundle-twice: .venv/dev ## two bundles of this tree, compared byte for byte, and the size of a package of it
	$(BIN)/pytest -q -n 0 -m slow tests/packaging/test_bundle.py

bundle-portable: .venv/dev ## the same for Debian 11 and later and RHEL 9, in build/bundle-portable/groundwire, and its selfcheck on Debian 11, 12 and 13 (root; debootstrap). ANEW=1: with a new root and the newest sources
	$(BIN)/python packaging/portable.py $(if $(ANEW),--anew)
	GROUNDWIRE_PORTABLE=$(CURDIR)/build/bundle-portable/groundwire $(BIN)/pytest -q -n 0 tests/packaging/test_portable.py

service-cycle: .venv/dev ## the packages of agent and relay on a bare Debian with systemd, by their pages: install to purge, upgrade under load, without a network, as an image (root)
	@bash .ci/debian-packages.sh machine
	@$(BIN)/python -m tests.packaging.bare_machine
	@test -x $${GROUNDWIRE_BUNDLE:-build/bundle/groundwire}/groundwire || $(BIN)/python packaging/build.py bundle
	$(BIN)/pytest -q -s -n 0 -m slow tests/packaging/test_service_cycle.py tests/packaging/test_upgrade_gate.py tests/packaging/test_relay_machine.py tests/packaging/test_offline.py tests/packaging/test_relay_image.py

windows: .venv/dev ## under Wine: the service from its source; the bundle made and whole; its MSI installed, upgraded under load, removed, with records at a relay (docs/install-windows.md)
	@bash .ci/debian-packages.sh windows
	GROUNDWIRE_WINDOWS=1 $(BIN)/pytest -q -s -n 0 -m slow tests/packaging/test_windows_stage.py tests/packaging/test_windows_msi.py

packages: ## servers that tests run against: Debian's packages (root or sudo) and npm's; skipped where they cannot be had
	@bash .ci/debian-packages.sh
	@bash .ci/node-packages.sh

lock: ## write the lock files anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml --extra relay -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --group fuzz -o requirements-fuzz.lock

screenshots: .venv/dev ## the pictures of docs/images, from a sandbox
	$(BIN)/python -m tests.console.screenshots

schemas: .venv/run ## write config/schemas/ anew from the settings
	$(BIN)/groundwire config schema --write config/schemas

messages: .venv/dev ## write docs/messages.md and what `groundwire explain` reads anew from the code
	$(BIN)/python -m docs.generate

docs: .venv/dev ## the documentation as a site in build/site; a broken link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

release: .venv/dev ## everything that is shipped, into build/release: GPG_KEY, MINISIGN_KEY name the owner's keys, TRIAL=1 takes what is there (docs/release.md)
	$(BIN)/python packaging/release.py $(if $(GPG_KEY),--gpg-key $(GPG_KEY)) $(if $(MINISIGN_KEY),--minisign-key $(MINISIGN_KEY)) $(if $(TRIAL),--trial)

advisories: .venv/dev ## what is locked, held against a list of known vulnerabilities: LIST=all.zip, ACCEPT='ID=reason' (docs/release.md)
	$(BIN)/python packaging/advisories.py $(if $(ACCEPT),--accept '$(ACCEPT)') $(LIST)

client: .venv/dev ## write clients/python anew from the API's description
	$(BIN)/python -m clients.generate

clean: ## remove what the targets made
	rm -rf .venv .demo .bench .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
