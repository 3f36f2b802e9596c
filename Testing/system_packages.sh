#!/bin/sh
# What the tests need from the system: a browser, and the libraries that VTK and Qt draw with.
# Usage: system_packages.sh PYTHON. Ends with one sentence and 1 if something is missing and cannot be installed.
set -eu
python=$1
packages="chromium libdbus-1-3 libegl1 libfontconfig1 libgl1 libgl1-mesa-dri libglib2.0-0 libxkbcommon0 libxrender1"

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
  missing=
  for package in $packages; do
    case $(dpkg-query --show --showformat='${db:Status-Status} ' "$package" 2>/dev/null || true) in
      *installed*) ;;
      *) missing="$missing $package" ;;
    esac
  done
  if [ -n "$missing" ]; then
    { apt-get update && apt-get install --yes --no-install-recommends $missing; } >/dev/null ||
      echo "apt-get could not install all of:$missing" >&2
  fi
fi
if ! command -v chromium >/dev/null; then
  "$python" -m playwright install chromium >/dev/null ||
    { echo "The tests need a browser: install Chromium (Debian: apt install chromium)." >&2; exit 1; }
fi
for module in vtk slicer PySide6.QtWidgets; do
  "$python" -c "import $module" >/dev/null 2>&1 || { echo "The tests need $module, which cannot be loaded:" \
    "$("$python" -c "import $module" 2>&1 | tail -1). Install the libraries it draws with (Debian: apt install" \
    "$packages)." >&2; exit 1; }
done
