# Stands in for docker.io/library/python:3.11-slim where only Debian's archive can be had: CPython from Debian's
# source package, installed to /usr/local as the official image does
# (https://github.com/docker-library/python, 3.11/slim-bookworm/Dockerfile). Built without profile-guided
# optimisation, which would take the better part of an hour; so nothing about speed can be learnt from it.
FROM debian:bookworm-slim
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
ENV LANG=C.UTF-8
RUN set -eux; \
    apt-get update; \
    apt-get install -y --no-install-recommends ca-certificates netbase tzdata; \
    rm -rf /var/lib/apt/lists/*
ENV PYTHON_VERSION=3.11.2
RUN set -eux; \
    savedAptMark="$(apt-mark showmanual)"; \
    key="$(sed -n 's/^Signed-By: *//p' /etc/apt/sources.list.d/*.sources | head -n 1)"; \
    echo "deb-src ${key:+[signed-by=$key] }http://deb.debian.org/debian bookworm main" > /etc/apt/sources.list.d/source.list; \
    apt-get update; \
    apt-get install -y --no-install-recommends \
        dpkg-dev gcc libbz2-dev libc6-dev libdb-dev libffi-dev libgdbm-dev liblzma-dev libncursesw5-dev \
        libreadline-dev libsqlite3-dev libssl-dev make uuid-dev xz-utils zlib1g-dev; \
    mkdir /usr/src/python; \
    cd /usr/src/python; \
    # --download-only and the plain upstream archive: Debian's patches move site-packages to dist-packages.
    apt-get source --only-source --download-only python3.11; \
    tar -xf python3.11_*.orig.tar.[gx]z --strip-components=1; \
    gnuArch="$(dpkg-architecture --query DEB_BUILD_GNU_TYPE)"; \
    ./configure --build="$gnuArch" --enable-loadable-sqlite-extensions --enable-option-checking=fatal \
        --enable-shared --with-ensurepip --prefix=/usr/local > /dev/null; \
    make -s -j "$(nproc)" LDFLAGS="-Wl,--strip-all" PROFILE_TASK= > /dev/null; \
    rm python; \
    make -s LDFLAGS="-Wl,--strip-all,-rpath='\$\$ORIGIN/../lib'" python; \
    make -s install > /dev/null; \
    cd /; \
    rm -rf /usr/src/python /etc/apt/sources.list.d/source.list; \
    find /usr/local -depth \( \
        \( -type d -a \( -name test -o -name tests -o -name idle_test \) \) -o \
        \( -type f -a \( -name '*.pyc' -o -name '*.pyo' -o -name 'libpython*.a' \) \) \
    \) -exec rm -rf '{}' +; \
    ldconfig; \
    apt-mark auto '.*' > /dev/null; \
    apt-mark manual $savedAptMark > /dev/null; \
    find /usr/local -type f -executable -not \( -name '*tkinter*' \) -exec ldd '{}' ';' \
        | awk '/=>/ { so = $(NF-1); if (index(so, "/usr/local/") == 1) { next }; gsub("^/(usr/)?", "", so); printf "*%s\n", so }' \
        | sort -u | xargs -r dpkg-query --search | cut -d: -f1 | sort -u \
        | xargs -r apt-mark manual > /dev/null; \
    apt-get purge -y --auto-remove -o APT::AutoRemove::RecommendsImportant=false; \
    rm -rf /var/lib/apt/lists/*; \
    export PYTHONDONTWRITEBYTECODE=1; \
    python3 -c 'import ssl, sqlite3, ctypes, zlib, bz2, lzma, readline, uuid, curses, dbm.gnu'; \
    pip3 --version
RUN set -eux; \
    for src in idle3 pydoc3 python3 python3-config; do \
        dst="$(echo "$src" | tr -d 3)"; \
        ln -svT "$src" "/usr/local/bin/$dst"; \
    done; \
    [ -e /usr/local/bin/pip ] || ln -svT pip3 /usr/local/bin/pip
CMD ["python3"]
