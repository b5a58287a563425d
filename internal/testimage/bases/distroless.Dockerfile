# Stands in for gcr.io/distroless/{static,base,cc,python3}-debian12 where only Debian's archive can be had: Debian's
# packages unpacked without their scripts, each described in /var/lib/dpkg/status.d as there
# (https://github.com/GoogleContainerTools/distroless), no shell, no package manager, the user nonroot (65532).
# Built once for each --target.
FROM debian:bookworm-slim AS unpack
WORKDIR /work
COPY --chmod=755 <<'EOF' /usr/local/bin/unpack
#!/bin/sh
# unpack DIR PACKAGE…: the packages' files into DIR, their control data into its status.d
set -eu
root=$1; shift
mkdir -p "$root/var/lib/dpkg/status.d" /work/deb
cd /work/deb
apt-get download "$@" > /dev/null
for name in "$@"; do
    deb=$(ls "${name}"_*.deb)
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink \
        --exclude='./usr/share/man/*' --exclude='./usr/share/lintian/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/doc-base/*'
    dpkg-deb --field "$deb" > "$root/var/lib/dpkg/status.d/$name"
    dpkg-deb --ctrl-tarfile "$deb" | tar -xO ./md5sums > "$root/var/lib/dpkg/status.d/$name.md5sums" || true
done
EOF
RUN set -eux; \
    apt-get update > /dev/null; \
    apt-get install -y --no-install-recommends ca-certificates > /dev/null; \
    mkdir -p static/etc/ssl/certs static/home/nonroot static/root static/tmp static/usr/lib static/usr/bin static/usr/sbin static/lib64; \
    rmdir static/lib64; \
    for d in bin sbin lib; do ln -s usr/$d static/$d; done; \
    mkdir static/usr/lib64; ln -s usr/lib64 static/lib64; \
    unpack /work/static base-files netbase tzdata media-types; \
    rm -rf static/usr/share/common-licenses static/usr/share/base-files; \
    cp /etc/ssl/certs/ca-certificates.crt static/etc/ssl/certs/; \
    printf 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' > static/etc/passwd; \
    printf 'root:x:0:\nnobody:x:65534:\ntty:x:5:\nstaff:x:50:\nnonroot:x:65532:\n' > static/etc/group; \
    printf 'hosts: files dns\n' > static/etc/nsswitch.conf; \
    chmod 1777 static/tmp; chmod 700 static/root static/home/nonroot; chown 65532:65532 static/home/nonroot
RUN set -eux; \
    cp -a static base; \
    unpack /work/base libc6 libssl3
RUN set -eux; \
    cp -a base cc; \
    unpack /work/cc libgcc-s1 libgomp1 libstdc++6 gcc-12-base
RUN set -eux; \
    cp -a cc python3; \
    unpack /work/python3 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib python3-distutils \
        zlib1g libbz2-1.0 libcom-err2 libcrypt1 libdb5.3 libexpat1 libffi8 libgssapi-krb5-2 libk5crypto3 libkeyutils1 \
        libkrb5-3 libkrb5support0 liblzma5 libncursesw6 libnsl2 libreadline8 libsqlite3-0 libtinfo6 libtirpc3 libuuid1; \
    ln -s python3.11 python3/usr/bin/python3; \
    ln -s python3.11 python3/usr/bin/python; \
    # What the packages' own scripts would do, which cannot run there.
    chroot python3 /usr/bin/python3.11 -m compileall -q /usr/lib/python3.11; \
    chroot python3 /usr/bin/python3.11 -c 'import ssl, sqlite3, ctypes, lzma, bz2, readline, uuid'
RUN for d in static base cc python3; do rm -rf $d/var/lib/apt $d/usr/share/doc/*/changelog* $d/etc/update-motd.d; done

FROM scratch AS static
COPY --from=unpack /work/static /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /

FROM scratch AS base
COPY --from=unpack /work/base /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /

FROM scratch AS cc
COPY --from=unpack /work/cc /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /

FROM scratch AS python3
COPY --from=unpack /work/python3 /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
ENV LANG=C.UTF-8
WORKDIR /
ENTRYPOINT ["/usr/bin/python3.11"]
