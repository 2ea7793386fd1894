#!/usr/bin/env bash
# Imports by Debian's clients (`glance`, `openstack`) and curl: all methods, into one store and into several, with the
# plugins that unpack and convert, and nginx as the server that is downloaded from.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"

work=$(mktemp -d)
# Of a port that nothing else here has.
export HTTP_PORT=26981
nginx_url=http://127.0.0.1:$HTTP_PORT/files

finish() {
  local status=$?
  ((status == 0)) || tail -n 20 "$work"/*/log >&2
  stop_server
  bash "$root/test/conformance/stores/http.sh" stop "$work/http" || true
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

main() {
  settle_environment
  make_disks
  bash "$root/test/conformance/stores/http.sh" start "$work/http"
  # The clients cannot read the tasks of nobody, so somebody asks for them.
  (umask 077 && : >"$work/tokens")
  heliostat token --user admin --project cloud --roles admin,member,reader 2>"$work/printed" >"$work/tokens"
  token=$(sed -n 's/.*: //p' "$work/printed")
  start_server "$work/site" \
    HELIOSTAT_PASTE_DEPLOY__FLAVOR=token \
    HELIOSTAT_HELIOSTAT__TOKEN_FILE="$work/tokens" \
    HELIOSTAT_DEFAULT__ENABLED_BACKENDS='files:file, more:file' \
    HELIOSTAT_GLANCE_STORE__DEFAULT_BACKEND=files \
    HELIOSTAT_FILES__FILESYSTEM_STORE_DATADIR="$work/site/files" \
    HELIOSTAT_MORE__FILESYSTEM_STORE_DATADIR="$work/site/more" \
    HELIOSTAT_IMAGE_IMPORT_OPTS__IMAGE_IMPORT_PLUGINS='[image_decompression,image_conversion]' \
    HELIOSTAT_IMPORT_FILTERING_OPTS__ALLOWED_HOSTS=127.0.0.1 \
    HELIOSTAT_IMPORT_FILTERING_OPTS__ALLOWED_PORTS="$HTTP_PORT"
  # Without it the client keeps the schemas where its own next start falls over them.
  export OS_AUTH_URL=$url
  for step in discovery staged downloaded by_one_command copied by_openstack by_old_task told_by_heliostat; do
    echo "== ${step//_/ }"
    "$step"
  done
  echo 'All steps passed'
}

# disk.raw, and what becomes it: a qcow2, packed too.
make_disks() {
  mkdir -p "$work/http/files"
  qemu-img create -q -f raw "$work/disk.raw" 24M
  mkfs.ext4 -q -F "$work/disk.raw"
  head -c 3M /dev/urandom | dd of="$work/disk.raw" bs=1M seek=16 conv=notrunc status=none
  qemu-img convert -O qcow2 "$work/disk.raw" "$work/http/files/disk.qcow2"
  gzip -k "$work/http/files/disk.qcow2"
  xz -k "$work/http/files/disk.qcow2"
}

glance() {
  timeout 60 /usr/bin/glance --os-image-url "$url" --os-auth-token "$token" "$@"
}

ask() {
  curl -sf -H "X-Auth-Token: $token" "$@"
}

openstack() {
  OS_AUTH_TYPE=admin_token OS_TOKEN=$token OS_ENDPOINT=$url/v2 timeout 60 /usr/bin/openstack "$@"
}

# on_terminal COMMAND...: progress is told to terminals alone.
on_terminal() {
  export -f glance openstack
  export url token
  SHELL=/bin/bash script -qec "$(printf '%q ' "$@")" /dev/null
}

# has TEXT: whether that is on stdin, all of which is read: a client whose reader leaves fails.
has() {
  grep -c -- "$1" >"$work/count"
}

# value FIELD: the value of a row of a table on stdin.
value() {
  sed -nE "s/^\| $1 +\| (.*[^ ]) *\|$/\1/p"
}

# queued FORMAT: the id of a new image. (Without a terminal `glance image-create` uploads what it is given, be it nothing.)
queued() {
  ask "$url/v2/images" -d "{\"disk_format\": \"$1\", \"container_format\": \"bare\"}" | field id
}

# ended IMAGE: the message of its newest task, once that has ended; fails unless that went well.
ended() {
  local task
  for _ in {1..300}; do
    task=$(ask "$url/v2/images/$1/tasks" | field tasks 0)
    case $(field status <<<"$task") in
      success) return ;;
      failure) fail "The import of $1: $(field message <<<"$task")" ;;
    esac
    sleep 0.1
  done
  fail "The import of $1 has not ended"
}

# is_disk IMAGE STORES: it has become the raw disk, in these stores.
is_disk() {
  ended "$1"
  local image
  image=$(ask "$url/v2/images/$1")
  expect 'status' active "$(field status <<<"$image")"
  expect 'format' raw "$(field disk_format <<<"$image")"
  expect 'stores' "$2" "$(field stores <<<"$image")"
  ask -o "$work/back" "$url/v2/images/$1/file"
  cmp "$work/disk.raw" "$work/back"
}

discovery() {
  glance import-info | has 'web-download'
  glance stores-info | has 'more'
}

staged() {
  local id
  id=$(queued qcow2)
  on_terminal glance image-stage --file "$work/http/files/disk.qcow2.xz" --progress "$id" | has '100%'
  expect 'status' uploading "$(glance image-show "$id" | value status)"
  glance image-import --import-method glance-direct --all-stores True "$id" >"$work/out"
  is_disk "$id" files,more
  glance image-tasks "$id" | has 'success'
}

downloaded() {
  local id
  id=$(queued qcow2)
  glance image-import --import-method web-download --uri "$nginx_url/disk.qcow2.gz" --stores more "$id" >"$work/out"
  is_disk "$id" more
}

by_one_command() {
  local id
  id=$(on_terminal glance image-create-via-import --name one --disk-format qcow2 --container-format bare \
    --file "$work/http/files/disk.qcow2" --progress | tr -d '\r' | tee "$work/out" | value id)
  grep -q '100%' "$work/out"
  is_disk "$id" files
  id=$(on_terminal glance image-create-via-import --name two --disk-format qcow2 --container-format bare \
    --import-method web-download --uri "$nginx_url/disk.qcow2" --stores files,more | tr -d '\r' | value id)
  is_disk "$id" files,more
}

copied() {
  local id
  id=$(glance image-create --name copied --disk-format raw --container-format bare --file "$work/disk.raw" | value id)
  glance image-import --import-method copy-image --all-stores True "$id" >"$work/out"
  is_disk "$id" files,more
}

by_openstack() {
  on_terminal openstack image create by-openstack --import --progress \
    --file "$work/http/files/disk.qcow2" --disk-format qcow2 --container-format bare >"$work/out"
  grep -q '100%' "$work/out"
  is_disk "$(openstack image show by-openstack -f value -c id)" files
  openstack image save by-openstack --file "$work/saved"
  cmp "$work/disk.raw" "$work/saved"
}

by_old_task() {
  local task
  task=$(glance task-create --type import --input \
    "{\"import_from\": \"$nginx_url/disk.qcow2.xz\", \"import_from_format\": \"qcow2\", \"image_properties\": {\"name\": \"old\"}}" |
    value id)
  is_disk "$(ask "$url/v2/tasks/$task" | field image_id)" files
  expect 'status' success "$(glance task-show "$task" | value status)"
  glance task-list | has "$task"
}

told_by_heliostat() {
  expect 'ended tasks' 7 "$(heliostat task list --status success --data-dir "$work/site/data" | grep -c success)"
}

main
