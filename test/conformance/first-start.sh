#!/usr/bin/env bash
# `npm start` in a checkout without any configuration: an answer on port 9292 within 2 seconds, and what to type next.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'kill -- -"$server" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT

started=$(date +%s%N)
HELIOSTAT_HELIOSTAT__DATA_DIR=$work/data setsid npm start >"$work/out" 2>"$work/err" &
server=$!
until curl -sf -o /dev/null http://127.0.0.1:9292/versions; do
  if (($(date +%s%N) - started > 2000000000)); then
    echo 'no answer on port 9292 after 2 seconds' >&2
    cat "$work/out" "$work/err" >&2
    exit 1
  fi
  sleep 0.05
done
echo "answered after $((($(date +%s%N) - started) / 1000000)) ms"
grep -q 'http://127.0.0.1:9292' "$work/out"
cat "$work/out"
