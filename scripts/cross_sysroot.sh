#!/usr/bin/env bash
# Debian's libraries of another architecture in a folder of their own, for cross builds: nothing of this machine changes.
#
#   scripts/cross_sysroot.sh arm64 build/sysroot-arm64
#
# Downloads what the tests of a cross build link (kCrossPackages of scripts/packages.sh, and what those depend on) from the
# package sources of this machine and unpacks it. Does nothing where the folder is complete already.
set -euo pipefail

if (($# != 2)); then
  echo "usage: scripts/cross_sysroot.sh ARCHITECTURE FOLDER" >&2
  exit 2
fi
architecture="$1"
mkdir -p "$2"
folder="$(cd "$2" && pwd)"
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

stamp="${folder}/.complete"
wanted="${architecture} ${kCrossPackages[*]}"
if [[ -f "${stamp}" && "$(<"${stamp}")" == "${wanted}" ]]; then
  exit 0
fi

# apt with a state of its own: an empty machine of the other architecture.
apt="${folder}/.apt"
mkdir -p "${apt}"/{state/lists/partial,cache/archives/partial,log}
: >"${apt}/status"
apt_get=(apt-get -q -y -o "APT::Architecture=${architecture}" -o "APT::Architectures::=${architecture}"
  -o "Dir::State=${apt}/state" -o "Dir::State::status=${apt}/status" -o "Dir::Cache=${apt}/cache" -o "Dir::Log=${apt}/log"
  -o "Debug::NoLocking=1" -o "APT::Sandbox::User=" -o "APT::Get::List-Cleanup=0")
log="${apt}/log/sysroot.log"
echo "cross_sysroot: downloading Debian's ${architecture} packages to ${folder}" >&2
if ! "${apt_get[@]}" update </dev/null >"${log}" 2>&1 ||
  ! "${apt_get[@]}" install --download-only --no-install-recommends "${kCrossPackages[@]}" </dev/null >>"${log}" 2>&1; then
  tail -n 20 "${log}" >&2
  echo "cross_sysroot: apt-get could not download the ${architecture} packages; the whole log is ${log}" >&2
  exit 1
fi
# Where /bin, /lib and /sbin are links, as on any Debian since 11: some packages still have files in /lib.
for name in bin lib sbin; do
  mkdir -p "${folder}/usr/${name}"
  ln -sfn "usr/${name}" "${folder}/${name}"
done
for package in "${apt}"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "${package}" | tar -x -C "${folder}" --keep-directory-symlink --no-same-owner
done
# Some packages say to CMake that they are in /usr.
find "${folder}/usr/lib" -path '*/cmake/*.cmake' -exec sed -i 's#"/usr\b#"${CMAKE_SYSROOT}/usr#g' {} +
rm -rf "${apt}/cache"
echo "${wanted}" >"${stamp}"
