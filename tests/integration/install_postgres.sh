#!/bin/sh
# Have PostgreSQL's programs: those that are there, else apt's (as root), else say how. Where CI is set it must be there.
set -eu

found() {
    command -v initdb >/dev/null && return 0
    for program in /usr/lib/postgresql/*/bin/initdb; do
        [ -x "$program" ] && return 0
    done
    return 1
}

with_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "Installing PostgreSQL with apt-get." >&2
    install="apt-get install -y -qq --no-install-recommends postgresql"
    export DEBIAN_FRONTEND=noninteractive
    $install >/dev/null 2>&1 || { apt-get update -qq >&2 && $install >&2; }
}

found && exit 0
with_apt && found && exit 0

echo "There is no PostgreSQL, its tests are left out: sudo apt-get install postgresql, or your system's way." >&2
[ -z "${CI:-}" ]
