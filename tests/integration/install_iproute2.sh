#!/bin/sh
# Have `ip`, which makes a second host for tests: the one that is there, else apt's (as root). Where CI is set it must be.
set -eu

with_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    install="apt-get install -y -qq --no-install-recommends iproute2"
    export DEBIAN_FRONTEND=noninteractive
    $install >/dev/null 2>&1 || { apt-get update -qq >&2 && $install >&2; }
}

command -v ip >/dev/null && exit 0
with_apt && command -v ip >/dev/null && exit 0

echo "There is no iproute2, the tests with a cut network are left out." >&2
[ -z "${CI:-}" ]
