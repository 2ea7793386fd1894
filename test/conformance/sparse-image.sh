#!/usr/bin/env bash
# A 10 GiB sparse image goes up and comes down again, then a 256 MiB one comes down 64 times at once: with little
# memory, and disk space only for what is not zeros.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"

mib=$((1 << 20))
# 300 MB
max_memory_mib=286
chunk_mib=8
# Each region lies within one chunk.
regions_mib=(0 2560 6144 10232)
region_mib=4
downloads=64

work=$(mktemp -d)
sparse=$work/sparse.raw
dense=$work/dense.raw
trap finish EXIT

main() {
  make_images
  start_server "$work/site"
  report_memory 'after the start'
  timed "upload of 10 GiB" upload "$sparse"
  assert_disk_use
  assert_shown "$sparse"
  timed "download of 10 GiB" download_and_compare
  timed "upload of 256 MiB" upload "$dense"
  timed "$downloads downloads of 256 MiB at once" download_at_once
  stop_server
}

make_images() {
  truncate -s 10G "$sparse"
  local region
  for region in "${regions_mib[@]}"; do
    head -c $((region_mib * mib)) /dev/urandom |
      dd of="$sparse" bs=1M seek="$region" conv=notrunc iflag=fullblock status=none
  done
  head -c $((256 * mib)) /dev/urandom >"$dense"
}

# upload FILE: sets id.
upload() {
  id=$(curl -sSf -H 'Content-Type: application/json' \
    -d '{"disk_format": "raw", "container_format": "bare"}' "$url/v2/images" | field id)
  curl -sSf -H 'Content-Type: application/octet-stream' -T "$1" "$url/v2/images/$id/file"
}

assert_shown() {
  curl -sSf "$url/v2/images/$id" >"$work/shown"
  expect status active "$(field status <"$work/shown")"
  expect size "$(stat -c %s "$1")" "$(field size <"$work/shown")"
  expect checksum "$(md5sum "$1" | cut -d ' ' -f 1)" "$(field checksum <"$work/shown")"
}

download_and_compare() {
  curl -sSf "$url/v2/images/$id/file" | cmp - "$sparse"
}

download_at_once() {
  local whole
  whole=$(seq "$downloads" |
    xargs -P "$downloads" -I {} curl -sSf -o /dev/null -w '%{size_download}\n' "$url/v2/images/$id/file" |
    grep -cx $((256 * mib)))
  expect 'number of whole downloads' "$downloads" "$whole"
}

assert_disk_use() {
  local used limit
  used=$(du -sm "$work/site/data" | cut -f 1)
  # The rest is the database with its log, and what it keeps in reserve.
  limit=$((${#regions_mib[@]} * chunk_mib + 12))
  echo "   disk: $used MiB for $((${#regions_mib[@]} * region_mib)) MiB of data"
  ((used <= limit)) || fail "the data folder has $used MiB, wanted at most $limit MiB"
}

# timed WHAT COMMAND...
timed() {
  local started=$EPOCHREALTIME
  echo "== $1"
  "${@:2}"
  echo "   time: $(node -p "($EPOCHREALTIME - $started).toFixed(1)") s"
  report_memory "$1"
}

report_memory() {
  local now peak
  now=$(memory VmRSS)
  peak=$(memory VmHWM)
  echo "   memory: $now MiB, at most $peak MiB until now"
  ((peak < max_memory_mib)) || fail "$1: the server had $peak MiB in memory, wanted under $max_memory_mib MiB"
}

# memory FIELD: of the server, in MiB.
memory() {
  awk -v field="$1:" '$1 == field { print int($2 / 1024) }' "/proc/$server_pid/status"
}

main
