#!/bin/sh
# Print the path of a Chromium that starts: one that is there, else apt's (as root), else Playwright's own.
set -eu

BIN="$(cd "$(dirname "$0")/../.." && pwd)/.venv/bin"

found() {
    for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
        path="$(command -v "${name:-nothing}" || true)"
        # Ubuntu's chromium-browser is a script that only says that there is a snap.
        if [ -n "$path" ] && "$path" --version >/dev/null 2>&1; then
            echo "$path"
            return 0
        fi
    done
    return 1
}

playwrights() {
    "$BIN/python" -c '
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)'
}

with_apt() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    echo "Installing Chromium with apt-get." >&2
    install="apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core"
    export DEBIAN_FRONTEND=noninteractive
    $install >/dev/null 2>&1 || { apt-get update -qq >&2 && $install >&2; }
}

found && exit 0
with_apt && found && exit 0

echo "Installing Playwright's Chromium." >&2
"$BIN/playwright" install chromium >&2
path="$(playwrights)"
if ! "$path" --version >/dev/null; then
    echo "Chromium does not start; it may lack libraries: sudo $BIN/playwright install-deps chromium" >&2
    exit 1
fi
echo "$path"
