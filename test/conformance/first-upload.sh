#!/usr/bin/env bash
# The commands of the README's "First upload, first download", one way after the other as a reader may type them.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"

work=$(mktemp -d)
trap finish EXIT

# What stands in the sh blocks of that section, with the address of this server.
commands() {
  sed -n '/^## First upload/,/^## /p' "$root/README.md" | sed -n '/^```sh/,/^```$/{/^```/!p}' \
    | sed "s,http://127.0.0.1:9292,$url,g"
}

settle_environment
start_server "$work/site"
commands >"$work/commands"
[[ $(grep -c '^curl\|^openstack' "$work/commands") -ge 5 ]] || fail 'The README has no such commands'
cd "$work"
qemu-img create -q -f qcow2 cirros.qcow2 16M
bash -eux commands
cmp cirros.qcow2 copy.qcow2
cmp cirros.qcow2 copy-again.qcow2
echo 'Both ways to a first upload work, one after the other'
