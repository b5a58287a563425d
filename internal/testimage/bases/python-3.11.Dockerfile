# Stands in for docker.io/library/python:3.11: buildpack-deps (curl, scm, full: the package lists of
# https://github.com/docker-library/buildpack-deps, debian/bookworm) with the Python of python:3.11-slim, in the
# layers of the official image.
FROM python:3.11-slim AS python

FROM debian:bookworm-slim
RUN set -eux; \
    apt-get update; \
    apt-get install -y --no-install-recommends ca-certificates curl gnupg netbase sq wget; \
    rm -rf /var/lib/apt/lists/*
RUN set -eux; \
    apt-get update; \
    apt-get install -y --no-install-recommends git mercurial openssh-client subversion procps; \
    rm -rf /var/lib/apt/lists/*
RUN set -ex; \
    apt-get update; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        autoconf automake bzip2 default-libmysqlclient-dev dpkg-dev file g++ gcc imagemagick \
        libbz2-dev libc6-dev libcurl4-openssl-dev libdb-dev libevent-dev libffi-dev libgdbm-dev libglib2.0-dev \
        libgmp-dev libjpeg-dev libkrb5-dev liblzma-dev libmagickcore-dev libmagickwand-dev libmaxminddb-dev \
        libncurses5-dev libncursesw5-dev libpng-dev libpq-dev libreadline-dev libsqlite3-dev libssl-dev libtool \
        libwebp-dev libxml2-dev libxslt-dev libyaml-dev make patch unzip xz-utils zlib1g-dev; \
    rm -rf /var/lib/apt/lists/*
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV LANG=C.UTF-8
RUN set -eux; \
    apt-get update; \
    apt-get install -y --no-install-recommends libbluetooth-dev tk-dev uuid-dev; \
    rm -rf /var/lib/apt/lists/*
ENV PYTHON_VERSION=3.11.2
COPY --from=python /usr/local /usr/local
# The libraries of Debian and the ones in /usr/local have to be found; a Python that cannot say so is no base.
RUN set -eux; \
    ldconfig; \
    python3 -c 'import ssl, sqlite3, ctypes, zlib, bz2, lzma; print(ssl.OPENSSL_VERSION)'; \
    pip --version
CMD ["python3"]
