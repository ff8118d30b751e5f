#!/usr/bin/env bash
# Obtains what the engine is measured against and unpacks it: fetch.sh FOLDER. What lies there already is kept.
#
#   furniture/   820 objects of Debian's sweethome3d-furniture (CC0 and CC-BY: bench/engine/README.md)
#   photos/      photographs of Debian's python3-skimage (CC0, public domain)
#
# BENCH_DEBS names a folder where the .deb files may lie already; otherwise `apt-get download` fetches them.
set -euo pipefail

folder=${1:?fetch.sh FOLDER}
debs=$folder/debs
mkdir -p "$debs"

# Prints the path of a package's file, fetched where it is not there yet.
package() {
  local name=$1 found place
  for place in "$debs" ${BENCH_DEBS:+"$BENCH_DEBS"}; do
    found=$(find "$place" -maxdepth 1 -name "${name}_*.deb" -print -quit)
    if [[ -n $found ]]; then
      echo "$found"
      return
    fi
  done
  echo "fetching Debian's $name" >&2
  (cd "$debs" && apt-get download -q "$name" >&2)
  find "$debs" -maxdepth 1 -name "${name}_*.deb" -print -quit
}

# unpack NAME TARGET COMMAND: COMMAND turns the unpacked package (in $unpacked) into TARGET, whole or not at all.
unpack() {
  local name=$1 target=$2 command=$3 part=$2.part
  [[ -d $target ]] && return
  rm -rf "$part"
  mkdir -p "$part"
  unpacked=$(mktemp -d "$folder/unpack.XXXXXX")
  dpkg-deb -x "$(package "$name")" "$unpacked"
  "$command" "$part"
  rm -rf "$unpacked"
  mv "$part" "$target"
}

furniture() {
  local library
  for library in BlendSwap-CC-0 BlendSwap-CC-BY KatorLegaz Scopia; do
    unzip -q -o "$unpacked/usr/share/sweethome3d/furniture/$library.sh3f" -d "$1/$library"
  done
}

photos() {
  local data=$unpacked/usr/lib/python3/dist-packages/skimage/data name
  for name in coffee.png chelsea.png rocket.jpg astronaut.png brick.png gravel.png grass.png; do
    cp "$data/$name" "$1/"
  done
}

unpack sweethome3d-furniture "$folder/furniture" furniture
unpack python3-skimage "$folder/photos" photos
