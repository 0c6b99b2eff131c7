# Shortcuts for those who have make; start.py holds the list of checks and works without it.
PYTHON ?= python3
.PHONY: help check demo lab test browser trust docs format clean-notebooks

help:
	@echo "make check            every check: format, lint, types, tests, doctests, notebooks"
	@echo "make demo             audit the sample company into the folder demo"
	@echo "make lab              open the notebooks in JupyterLab"
	@echo "make browser          the tests that need Chromium"
	@echo "make trust            the long suites: simulated worlds, generated files, kills (hours)"
	@echo "make docs             the playbook as a small site that needs no network, in site/"
	@echo "make format           format the code"
	@echo "make clean-notebooks  remove outputs from the notebooks before committing"

check test:
	$(PYTHON) start.py test

demo lab:
	$(PYTHON) start.py $@

browser:
	.venv/bin/pytest -m browser

# By hand, when what they try has changed; what they showed is written down in tests/reference. The fuzzer needs Atheris,
# which is no dependency: tests/fuzz/run.py says how to fetch it.
trust:
	.venv/bin/pytest -m trust
	nice -n 10 .venv/bin/python tests/mutants/run.py files stats rows disclosure --most 60

# -W: a page in no contents or a link to nothing stops it. Sphinx and its theme are fetched once, by uv.
docs:
	@test -x .venv/bin/sphinx-build || .venv/bin/uv sync --inexact --group docs
	.venv/bin/alignlib demo --out .venv/samples > /dev/null
	.venv/bin/sphinx-build -W -q -b html -c docs -d .venv/doctrees . site
	@echo "Open site/index.html"

format:
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

clean-notebooks:
	.venv/bin/nbstripout notebooks/*.ipynb notebooks/workshop/*.ipynb
