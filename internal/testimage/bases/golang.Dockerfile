# Stands in for docker.io/library/golang:1.26 where only Debian's archive and the Go module proxy answer: gcc and version
# control as in buildpack-deps, and the module golang.org/toolchain as /usr/local/go
# (https://github.com/docker-library/golang, 1.26/bookworm/Dockerfile).
FROM debian:bookworm-slim AS fetch
RUN set -eux; \
    apt-get update; \
    apt-get install -y --no-install-recommends ca-certificates golang-go; \
    rm -rf /var/lib/apt/lists/*
ENV GOLANG_VERSION=1.26.8
# A module has neither modes nor go.mod files of other modules: the first come from what runs, the second are named
# _go.mod in it (https://go.dev/doc/toolchain).
RUN set -eux; \
    version="v0.0.1-go$GOLANG_VERSION.linux-amd64"; \
    GOPATH=/work GOFLAGS=-modcacherw go mod download "golang.org/toolchain@$version"; \
    mv "/work/pkg/mod/golang.org/toolchain@$version" /usr/local/go; \
    find /usr/local/go/bin /usr/local/go/pkg/tool -type f -exec chmod 755 '{}' +; \
    find /usr/local/go -name _go.mod -execdir mv '{}' go.mod ';'

FROM debian:bookworm-slim
RUN set -eux; \
    apt-get update; \
    apt-get install -y --no-install-recommends ca-certificates g++ gcc git libc6-dev make netbase openssh-client pkg-config tzdata; \
    rm -rf /var/lib/apt/lists/*
ENV PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV GOLANG_VERSION=1.26.8
ENV GOTOOLCHAIN=local
ENV GOPATH=/go
COPY --from=fetch /usr/local/go /usr/local/go
RUN set -eux; \
    mkdir -p "$GOPATH/src" "$GOPATH/bin"; \
    chmod -R 1777 "$GOPATH"; \
    go version
WORKDIR /go
