# `make` runs the pipeline, `make test` runs the tests; both set up what they need, once.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The kernel compiles while the linter reads.
MAKEFLAGS += --jobs=2
# pip would compile on one core, and the packages' own tests too; one of torch's files is for a newer
# Python.
install = python -m pip install -q --no-compile $(1) && \
	{ python -m compileall -qq -j 0 -x /tests/ .venv/lib/python3*/site-packages || true; }

.PHONY: all paper appendix test quick lint browser bench sweep lock repair kills audit clean peers

# The pipeline: data, training, masks, scores, reports.
all: .venv/compiled
	@dvc repro
	@echo "Open $(CURDIR)/reports/index.html"

# The TabNet paper's data sets, and other methods on the same rows. An experiment,
# made aside: the tree stays as it is, but for the page. 50,000 fresh rows: with 10,000 the AUC is
# uncertain by 0.005 for chance alone, as much as separates the methods.
PAPER := paper_syn1,paper_syn2,paper_syn3,paper_syn4,paper_syn5,paper_syn6
FRESH := $(foreach n,1 2 3 4 5 6,-S overrides.paper_syn$(n).generate.test_rows=50000)
paper: .venv/installed-peers .venv/compiled
	@dvc exp remove -q paper 2>/dev/null || true
	@dvc exp run --temp --name paper -S 'datasets=[syn2,syn4,$(PAPER)]' \
		-S 'peers=[syn2,syn4,$(PAPER)]' -S 'tables=[paper]' $(FRESH)
	@for name in html json; do \
		dvc get -q -f . reports/paper.$$name --rev paper -o reports/paper.$$name || exit 1; done
	@echo "Open $(CURDIR)/reports/paper.html"

# The same six data sets with the hyperparameters of the paper's appendix, which are much larger:
# 1333 passes in three batches of the 9000 rows that are not held out, 4000 iterations at most.
APPENDIX_SEEDS := 1,2,3
NETWORK := n_d:16,n_a:16,n_shared:2,n_independent:2,virtual_batch_size:100,momentum:0.3
TRAINING := batch_size:3000,epochs:1333,learning_rate:0.02,schedule:staircase,validation_share:0.1,patience:120
theirs = -S '+overrides.paper_syn$(1).model={$(NETWORK),n_steps:$(2),gamma:$(3)}' \
	-S '+overrides.paper_syn$(1).train={$(TRAINING),lambda_sparse:$(4)}'
appendix: .venv/compiled
	@dvc exp remove -q appendix 2>/dev/null || true
	@dvc exp run --temp --name appendix -S 'datasets=[$(PAPER)]' -S 'tables=[paper]' \
		-S 'train.seeds=[$(APPENDIX_SEEDS)]' -S trust.resamples=0 $(FRESH) \
		$(call theirs,1,4,2.0,0.02) $(call theirs,2,4,2.0,0.01) $(call theirs,3,4,2.0,0.01) \
		$(call theirs,4,5,1.5,0.005) $(call theirs,5,5,1.5,0.005) $(call theirs,6,5,1.5,0.005)
	@dvc get -q -f . reports/paper.html --rev appendix -o reports/appendix.html
	@echo "Open $(CURDIR)/reports/appendix.html"

# What stage `peers` needs: the packages of the methods that ours are measured beside.
peers: .venv/installed-peers

# All tests, those that take long and those in a browser included; a file's tests share its folders.
test: .venv/installed-test .venv/compiled browser lint
	@python -m pytest -n 2 --dist loadfile --durations 30

# The tests to run while working.
quick: .venv/installed-test .venv/compiled
	@python -m pytest -m "not slow" -n 2 --dist loadfile

lint: .venv/installed-test
	@ruff check . && ruff format --check . && mypy

# The reports are tested in Debian's Chromium; without one, those tests are skipped and say so.
browser:
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
		echo "Installing Chromium for the tests of the reports" && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core >/dev/null; } || \
		echo "No chromium found, and it cannot be installed here"

# Speeds, as ratios to a peer or a floor, and how they grow, into docs/benchmarks.md.
bench: .venv/installed-test .venv/compiled
	@python tests/benchmarks/run.py

# The scores of the masks with the default parameters over the seeds of the data.
sweep: .venv/installed-test
	@python tests/benchmarks/sweep.py

# After a killed `dvc`: what it left behind half-written or locked, and nothing else.
repair:
	@python repair.py

# The pipeline killed at a hundred random moments: half an hour to an hour.
kills: .venv/installed-test .venv/compiled
	@python tests/kills.py

# Known vulnerabilities of the pinned packages; fails where their list cannot be had.
audit:
	@test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && \
		.venv-audit/bin/pip install -q pip-audit; }
	@.venv-audit/bin/pip-audit --strict --no-deps --disable-pip -r requirements.lock

# Pin the versions that pyproject.toml allows, as of today.
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install -q .
	.venv-lock/bin/pip freeze --exclude tabnet-masks | sed 's/+cpu$$//' > requirements.lock
	.venv-lock/bin/pip install -q -c requirements.lock '.[peers]'
	.venv-lock/bin/pip freeze --exclude tabnet-masks | sed 's/+cpu$$//' | \
		grep -vxFf requirements.lock > requirements-peers.lock
	.venv-lock/bin/pip install -q -c requirements.lock -c requirements-peers.lock '.[test]'
	.venv-lock/bin/pip freeze --exclude tabnet-masks | sed 's/+cpu$$//' | \
		grep -vxFf requirements.lock | grep -vxFf requirements-peers.lock > requirements-test.lock
	rm -rf .venv-lock build *.egg-info

clean:
	rm -rf .venv .venv-audit

.venv/installed: requirements.lock
	@echo "Installing the packages of requirements.lock into .venv (once; some minutes)"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@$(call install,-r requirements.lock)
	@touch $@

# The CPU kernel: 15 to 60 seconds once, a second if this machine has compiled the same code before.
.venv/compiled: .venv/installed $(wildcard tabnet/kernel/*.py)
	@python -m tabnet.kernel
	@touch $@

.venv/installed-peers: .venv/installed requirements-peers.lock
	@echo "Installing the packages of requirements-peers.lock into .venv (once)"
	@$(call install,-r requirements.lock -r requirements-peers.lock)
	@touch $@

.venv/installed-test: .venv/installed-peers requirements-test.lock
	@echo "Installing the packages of requirements-test.lock into .venv (once)"
	@$(call install,-r requirements.lock -r requirements-peers.lock -r requirements-test.lock)
	@touch $@
