# make run    builds culprit, tells the story of examples/latent-deploy and serves the pages until Ctrl-C
# make test   everything that CI runs; installs Debian packages that the tests need and that are missing
#
# The work is done by the scripts in ci/, which can be called by themselves.

SHELL := /bin/bash

.PHONY: run build test packages go live lint fuzz ui bench eval screenshots clean

run: build
	@./culprit demo

build:
	go build -o culprit ./cmd/culprit

test:
	ci/test

packages: ## the Debian packages of the tests
	ci/packages

go: ## format, vet, tests with the race detector, end-to-end tests of the command line
	ci/go

live: ## culprit beside a real nginx, NestJS application, supervisor, journal and kernel
	ci/live

lint:
	ci/lint

FUZZTIME ?= 60s
fuzz: ## every fuzz target for FUZZTIME
	ci/fuzz $(FUZZTIME)

ui: ## checks, tests and build of the browser front end, browser tests
	ci/ui

bench:
	ci/bench

eval: build ## verdicts on the captures whose truth is known
	./culprit eval correlate/testdata/captures
	./culprit eval examples

screenshots: build ## pictures of the README, into docs/screenshots
	cd web/ui && npm ci --silent && npm run screenshots

clean:
	rm -rf culprit .bin tmp web/ui/node_modules
