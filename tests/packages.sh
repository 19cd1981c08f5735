#!/bin/sh
# Install what the tests start besides Python: Chromium, PostgreSQL, Redis, bubblewrap, a Docker Engine,
# git, ps. Without root and apt-get nothing is done, and the tests that need a missing program skip and
# say which package it is in.
set -eu
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v ps >/dev/null 2>&1 || missing="$missing procps"
command -v git >/dev/null 2>&1 || missing="$missing git"
command -v bwrap >/dev/null 2>&1 || missing="$missing bubblewrap"
command -v dockerd >/dev/null 2>&1 || missing="$missing docker.io"
command -v redis-server >/dev/null 2>&1 || missing="$missing redis-server"
ldconfig -p 2>/dev/null | grep -q libseccomp.so.2 || missing="$missing libseccomp2"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "not installed, so their tests skip:$missing"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update >/dev/null
# shellcheck disable=SC2086 - one word a package
apt-get -qq install --yes --no-install-recommends $missing >/dev/null 2>&1 ||
    echo "could not be installed, so their tests skip:$missing"
