#!/usr/bin/env bash
# Sets s2r-bench up on a machine with Python 3.11+ and pip, then runs it. Safe to call again: what is there is kept.
#   ./setup.sh run [ARGS]    install, then `s2r-bench run ARGS`
#   ./setup.sh test [ARGS]   install with the developers' tools, then `pytest ARGS`
#   ./setup.sh only          install
# Environment: VIRTUAL_ENV (used if set, else .venv is made), PYTHON (default python3), TORCH_SPEC (default torch==2.13.0)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

mode=${1:-run}
[ $# -eq 0 ] || shift
case $mode in
  run | only) extra="" ;;
  test) extra="[dev]" ;;
  *) echo "setup.sh: run, test or only; not '$mode'" >&2; exit 2 ;;
esac
say() { echo "setup: $*" >&2; }

# what Open3D loads; each library with the package that brings it on Debian and Ubuntu
missing_packages() {
  "$1" - <<'PYTHON'
import ctypes

libraries = {
    "libEGL.so.1": "libegl1", "libGL.so.1": "libgl1", "libX11.so.6": "libx11-6",
    "libudev.so.1": "libudev1", "libusb-1.0.so.0": "libusb-1.0-0", "libidn2.so.0": "libidn2-0",
    "libgomp.so.1": "libgomp1",
}
for library, package in libraries.items():
    try:
        ctypes.CDLL(library)
    except OSError:
        print(package)
PYTHON
}

system_libraries() {
  [ "$(uname -s)" = Linux ] || return 0
  local packages as_root=()
  packages=$(missing_packages "$1" | xargs)
  [ -n "$packages" ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "Open3D needs system libraries that Debian calls: $packages. Install them with this machine's package manager."
    return 0
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      say "missing system libraries. As root: apt-get install -y $packages"
      exit 4
    fi
    as_root=(sudo)
  fi
  say "installing $packages"
  "${as_root[@]}" apt-get update -qq
  # shellcheck disable=SC2086
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >&2
}

make_venv() {
  say "making the virtual environment $2"
  if ! "$1" -m venv "$2" >/dev/null 2>&1; then
    # Debian's python3 without python3-venv: pip of the system fills an environment that has none
    rm -rf "$2"
    "$1" -m venv --without-pip "$2"
    "$1" -m pip --python "$2/bin/python" install --quiet pip
  fi
}

python=${PYTHON:-python3}
command -v "$python" >/dev/null || { say "there is no $python; install Python 3.11 or newer"; exit 4; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  say "$("$python" --version) is too old: 3.11 or newer is needed (PYTHON=python3.12 names another)"
  exit 4
}
system_libraries "$python"

env=${VIRTUAL_ENV:-$PWD/.venv}
[ -x "$env/bin/python" ] || make_venv "$python" "$env"
stamp="$env/.s2r-bench-$(cat pyproject.toml constraints.txt setup.sh | cksum | cut -d' ' -f1)${extra:+-dev}"
if [ ! -e "$stamp" ]; then
  say "installing into $env (some minutes the first time)"
  pip=("$env/bin/python" -m pip install --quiet --disable-pip-version-check)
  "${pip[@]}" "${TORCH_SPEC:-torch==2.13.0}"
  "${pip[@]}" -c constraints.txt -e ".$extra"
  touch "$stamp"
fi

export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
case $mode in
  run) exec "$env/bin/s2r-bench" run "$@" ;;
  test) exec "$env/bin/python" -m pytest "$@" ;;
esac
