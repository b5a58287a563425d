#!/bin/sh
# Brings the database up to date, then runs what is asked for.
set -e
python manage.py migrate --no-input
python manage.py loaddata --verbosity 0 menu
exec "$@"
