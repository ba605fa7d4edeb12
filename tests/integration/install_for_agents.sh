#!/bin/sh
# Have `ip`, which makes a second host for tests, openssl and systemd-analyze: those that are there, else apt's (as root).
# Where CI is set they must be there.
set -eu

lacking() {
    command -v ip >/dev/null || echo iproute2
    command -v openssl >/dev/null || echo openssl
    command -v systemd-analyze >/dev/null || echo systemd
}

with_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    install="apt-get install -y -qq --no-install-recommends $(lacking)"
    export DEBIAN_FRONTEND=noninteractive
    $install >/dev/null 2>&1 || { apt-get update -qq >&2 && $install >&2; }
}

[ -z "$(lacking)" ] && exit 0
with_apt && [ -z "$(lacking)" ] && exit 0

echo "There is no $(lacking | tr '\n' ' '): some tests of agents on other machines are left out." >&2
[ -z "${CI:-}" ]
