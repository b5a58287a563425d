# Works as root on a fresh Debian 12 with Go; see the README for what it needs elsewhere.

GO     ?= go
PREFIX ?= /usr/local
export CGO_ENABLED = 0

BIN   := bin/lighten
BASES := bin/with-bases
BUILD := $(GO) build -trimpath -buildvcs=auto -ldflags "-s -w"

# What the examples, their candidates and the container tests build on. The large python:3.11 is assembled for the
# demonstration alone.
TEST_BASES := debian:bookworm-slim,python:3.11-slim,python:3.11-alpine,alpine:3.20,gcr.io/distroless/static,gcr.io/distroless/base,gcr.io/distroless/cc,gcr.io/distroless/python3
DEMO_BASES := $(TEST_BASES),python:3.11

.PHONY: build demo test bench install bases deps clean

build:
	$(BUILD) -o $(BIN) ./cmd/lighten

$(BASES): FORCE
	@$(GO) build -o $@ ./internal/testimage/cmd/with-bases

FORCE:

# Builds the classic guide's Flask service in every form that fits, checks each, and prints the table.
demo: deps build $(BASES)
	$(BASES) --need $(DEMO_BASES) -- $(BIN) build examples/flask

# Container tests run as root and fail, not skip, when runc or base images are missing. They never ask a real registry
# for a base: its limits and its updates are no matter of theirs. One package at a time: the process that serves the packages of Alpine on
# its one port must not end while another one's build downloads from it.
test: deps $(BASES)
	@bad=$$(gofmt -l $$(git ls-files "*.go")); if [ -n "$$bad" ]; then echo "gofmt is needed on:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	@if [ "$$(id -u)" = 0 ]; then \
		set -x; \
		LIGHTEN_REGISTRY=none $(BASES) --progress plain --need $(TEST_BASES) && \
		LIGHTEN_TEST_STRICT=1 $(GO) test -p 1 -timeout 30m ./...; \
	else \
		echo "not root: the container tests are skipped"; set -x; $(GO) test ./...; \
	fi

bench: deps build $(BASES)
	$(BASES) --need $(DEMO_BASES) -- $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./bench/...

# Assembles, or finds, every base image of the demonstration.
bases: deps $(BASES)
	$(BASES) --need $(DEMO_BASES)

install: build
	install -D -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/lighten

# Installs what is missing, as root by apt; else says what is.
deps:
	@sh .ci/deps

clean:
	rm -rf bin
