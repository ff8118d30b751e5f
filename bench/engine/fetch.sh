#!/usr/bin/env bash
# Obtains what the engine is measured against and unpacks it: fetch.sh FOLDER. What lies there already is kept.
#
#   furniture/   820 objects of Debian's sweethome3d-furniture (CC0 and CC-BY: bench/engine/README.md)
#   photos/      photographs of Debian's python3-skimage (CC0, public domain)
#   emoji/       npm's @lobehub/fluent-emoji-3d (MIT)
#   stamps/      photographs cut out, of Debian's tuxpaint-stamps-default (GPL: measured with, never shipped)
#   validator/   npm's gltf-validator (Apache-2.0)
#
# BENCH_PACKAGES names a folder where the .deb and .tgz files may lie already; otherwise `apt-get download` and `npm pack`
# fetch them.
set -euo pipefail

folder=${1:?fetch.sh FOLDER}
packages=$folder/packages
mkdir -p "$packages"

# Prints the path of a package's file, fetched by the command that follows where it is not there yet.
package() {
  local pattern=$1 found place
  shift
  for place in "$packages" ${BENCH_PACKAGES:+"$BENCH_PACKAGES"}; do
    found=$(find "$place" -maxdepth 1 -name "$pattern" -print -quit)
    if [[ -n $found ]]; then
      echo "$found"
      return
    fi
  done
  echo "fetching: $*" >&2
  (cd "$packages" && "$@" >&2)
  find "$packages" -maxdepth 1 -name "$pattern" -print -quit
}

# unpack TARGET COMMAND: COMMAND fills the folder it is given, with $unpacked to unpack in; TARGET is there whole or not at all.
unpack() {
  local target=$1 command=$2 part=$1.part
  [[ -d $target ]] && return
  rm -rf "$part"
  mkdir -p "$part"
  unpacked=$(mktemp -d "$folder/unpack.XXXXXX")
  "$command" "$part"
  rm -rf "$unpacked"
  mv "$part" "$target"
}

debian() {
  dpkg-deb -x "$(package "${1}_*.deb" apt-get download -q "$1")" "$unpacked"
}

furniture() {
  local library
  debian sweethome3d-furniture
  for library in BlendSwap-CC-0 BlendSwap-CC-BY KatorLegaz Scopia; do
    unzip -q -o "$unpacked/usr/share/sweethome3d/furniture/$library.sh3f" -d "$1/$library"
  done
}

photos() {
  local name
  debian python3-skimage
  for name in coffee.png chelsea.png rocket.jpg brick.png gravel.png grass.png; do
    cp "$unpacked/usr/lib/python3/dist-packages/skimage/data/$name" "$1/"
  done
}

emoji() {
  tar -xzf "$(package "lobehub-fluent-emoji-3d-1.1.0.tgz" npm pack --silent @lobehub/fluent-emoji-3d@1.1.0)" -C "$unpacked"
  cp "$unpacked"/package/assets/*.webp "$1/"
}

stamps() {
  debian tuxpaint-stamps-default
  cp -r "$unpacked"/usr/share/tuxpaint/stamps/. "$1/"
}

validator() {
  npm install --silent --no-audit --no-fund --prefix "$1" gltf-validator@2.0.0-dev.3.10 >&2
}

unpack "$folder/furniture" furniture
unpack "$folder/photos" photos
unpack "$folder/emoji" emoji
unpack "$folder/stamps" stamps
unpack "$folder/validator" validator
