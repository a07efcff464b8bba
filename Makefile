# Every target is one call of the program that does the work. `make` alone lists them.
PYTHON ?= python3
PY := .venv/bin/python

.PHONY: help setup run test lint build lab up down kafka bench

help:            ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup:           ## make .venv and install the pinned dependencies
	@$(PYTHON) -m workbook.bootstrap

run: setup       ## start the servers, ingest everything through a bad day, and say what landed
	@$(PY) -m workbook.run

test: setup      ## run every test
	@$(PY) -m workbook.test

lint: setup      ## format, lint, types, layers, and whether everything built is in sync
	@$(PY) -m pytest -q tests/architecture

build: setup     ## make modules/ and ingestion/ from solutions/
	@$(PY) -m workbook.authoring build

lab: setup up    ## open the course in JupyterLab
	@$(PY) -m jupyterlab modules/m01_rest/01_errors.ipynb

up: setup        ## start the servers
	@$(PY) -m workbook.stack up

down: setup      ## stop the servers
	@$(PY) -m workbook.stack down

kafka: setup     ## run Apache Kafka itself in place of the built-in mock cluster (needs Java 17 and mvn)
	@$(PY) -m workbook.stack kafka up

bench: setup     ## measure this package against its peers
	@$(PY) -m benchmarks.rest
