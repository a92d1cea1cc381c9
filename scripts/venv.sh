#!/bin/sh
# Makes a virtual environment that has pip: scripts/venv.sh DIRECTORY
#
# A fresh Debian may lack ensurepip (python3-venv) and Python.h (python3-dev). Where apt-get may be used they are
# installed; else other ways to an environment are tried, and without Python.h the pure-Python backend is built.
# PYTHON=/path/to/python chooses the interpreter.
set -eu

directory=$1

say() { echo "fastbatch: $*" >&2; }

is_usable() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

find_python() {
    for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python3.10}; do
        if is_usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    say "no Python 3.10 or later was found as ${PYTHON:-python3 or python3.10 to python3.14}"
    say "install one (Debian 12 and later: apt-get install python3 python3-venv python3-dev), or set PYTHON"
    return 1
}

# Installs Debian packages, where that is possible without a question.
install_packages() {
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" = 0 ]; then
        as_root="env DEBIAN_FRONTEND=noninteractive"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root="sudo -n env DEBIAN_FRONTEND=noninteractive"
    else
        return 1
    fi
    say "installing $* by apt-get"
    { $as_root apt-get update && $as_root apt-get install -y --no-install-recommends "$@"; } </dev/null >/dev/null
}

make_environment() {
    rm -rf "$directory"
    case $1 in
        venv) "$python" -m venv "$directory" ;;
        # Debian's python3-pip without python3-venv
        pip) "$python" -m venv --without-pip "$directory" && "$python" -m pip --python "$directory" install -q pip ;;
        virtualenv) "$python" -m virtualenv -q "$directory" || virtualenv -q -p "$python" "$directory" ;;
    esac >/dev/null 2>&1 && "$directory/bin/python" -m pip --version >/dev/null 2>&1
}

python=$(find_python)
name=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
header=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h

missing=
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing="$name-venv"
[ -e "$header" ] || missing="$missing $name-dev"
command -v "${CC:-cc}" >/dev/null || missing="$missing gcc libc6-dev"
prefix=$("$python" -c 'import sys; print(sys.base_prefix)')
# apt-get serves Debian's own interpreter, no other.
if [ -n "$missing" ] && [ "$prefix" = /usr ]; then
    # shellcheck disable=SC2086 # a list of words
    install_packages $missing || say "missing, and not installable from here: $missing"
fi

if ! make_environment venv && ! make_environment pip && ! make_environment virtualenv; then
    rm -rf "$directory"
    say "$python cannot make a virtual environment; as root: apt-get install $name-venv $name-dev"
    exit 1
fi
[ -e "$header" ] || say "no $header: the pure-Python backend is built; for the native one: apt-get install $name-dev"
command -v "${CC:-cc}" >/dev/null || say "no C compiler: the pure-Python backend is built; for the native one: apt-get install gcc"
