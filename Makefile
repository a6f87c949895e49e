# `make` lists the targets. PG_CONFIG names the server; without it Debian's PostgreSQL 15 is taken.

# The server is looked up when a target needs it: the prerequisites may install it first.
pg_config = $(shell PG_CONFIG='$(PG_CONFIG)' scripts/pg_config.sh 2>&1)
version = $(wordlist 1,2,$(shell '$(pg_config)' --version 2>/dev/null))
folders = $(shell '$(pg_config)' --pkglibdir) $(shell '$(pg_config)' --sharedir)/extension
sudo = $(if $(shell for folder in $(folders); do test -w $$folder || echo no; done),--sudo)

# pgrx looks up the servers it knows in its home; with one here nobody needs `cargo pgrx init`.
export PG_CONFIG
export PGRX_HOME = $(CURDIR)/target/pgrx
export RUST_BACKTRACE = 0
cargo = PGRX_PG_CONFIG_PATH='$(pg_config)' cargo

.NOTPARALLEL:
.PHONY: help demo clean-demo psql test bench statistics prerequisites install build lint clean pgrx-home supported

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: prerequisites install ## a casino floor on a private server for DEMO_SECONDS (20), reconciled to the micro
	@scripts/demo.sh

clean-demo: ## remove the demo's server, page and data
	@scripts/page.sh stop
	@scripts/cluster.sh remove demo

psql: ## open psql in the demo's database
	@test -d "$$(scripts/cluster.sh path demo)" || { echo 'there is no demo yet: make demo' >&2; exit 1; }
	@scripts/cluster.sh start demo shared_preload_libraries=jackpot
	@eval "$$(scripts/cluster.sh env demo)" && psql -d demo

test: ## all tests, or those of TIER="lint core regress isolation concurrency clients typescript migration crash watch monitoring browser restore"
	@scripts/prerequisites.sh test
	@$(MAKE) --no-print-directory install
	@scripts/test.sh $(TIER)

bench: prerequisites install ## measure against a plain INSERT and the naive design (benches/README.md)
	@benches/run.sh

statistics: ## draw 10^7 wagers for each trigger and compare with the closed forms (half a minute)
	$(cargo) test --release -p jackpot-core --test statistics -- --ignored --nocapture

prerequisites: ## install what building needs and is missing
	@scripts/prerequisites.sh

install: supported pgrx-home ## build for and install into the server of PG_CONFIG
	$(cargo) pgrx install --release --pg-config '$(pg_config)' $(sudo)

build: supported pgrx-home ## build only
	$(cargo) build --release

lint: supported pgrx-home ## formatting, clippy, and no unsafe code outside of store, worker and shmem
	$(cargo) fmt --all --check
	$(cargo) clippy --workspace --all-targets -- -D warnings
	@! grep -rnw unsafe src --include='*.rs' | grep -Ev '^src/(store|worker|shmem)[/.]'

clean: clean-demo ## remove the demo and what was built
	rm -rf target

supported:
	$(if $(version),,$(error $(pg_config)))
	$(if $(filter 15.%,$(version)),,$(error supported: PostgreSQL 15; $(pg_config) is of $(version)))

# Left alone where it is right: its time stamp decides whether pgrx makes its bindings anew.
pgrx-home:
	@mkdir -p $(PGRX_HOME)
	@printf '[configs]\npg15 = "%s"\n' '$(pg_config)' | cmp -s - $(PGRX_HOME)/config.toml || \
	    printf '[configs]\npg15 = "%s"\n' '$(pg_config)' >$(PGRX_HOME)/config.toml
