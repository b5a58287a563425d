#!/bin/sh
# Makes a database cluster on the first start, then runs the server; starts as root and becomes postgres.
set -e

if [ "$(id -u)" = 0 ]; then
    install -d -o postgres -g postgres -m 700 "$PGDATA"
    install -d -o postgres -g postgres -m 2775 /run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    initdb --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync > /dev/null
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"
    echo "made a database cluster in $PGDATA as $(whoami)"
fi
exec "$@"
