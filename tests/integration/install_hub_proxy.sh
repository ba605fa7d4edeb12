#!/bin/sh
# Have JupyterHub's proxy in the environment of the tests ($1, its prefix): the one that is there, else npm's.
set -eu

[ -x "$1/bin/configurable-http-proxy" ] && exit 0
npm install --silent --no-fund --no-audit --global --prefix "$1" configurable-http-proxy@5 >&2 && exit 0

echo "There is no configurable-http-proxy, tests with JupyterHub are left out: npm install -g configurable-http-proxy" >&2
[ -z "${CI:-}" ]
