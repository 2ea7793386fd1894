#!/usr/bin/env bash
# The install guide's "verify operation" with Debian's clients, on a real disk image: once where every caller is an
# administrator (flavor "empty"), once with tokens (flavor "token").
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"

known_failing=$root/test/conformance/known-failing.txt
work=$(mktemp -d)
disk=$work/cirros.qcow2
property='vendor:key/with~tilde'
value='a "quoted" & ünïcode $value = 1'
trap finish EXIT

main() {
  settle_environment
  make_disk
  verify empty
  make_tokens
  verify token
  echo "All steps of both flavors passed"
}

# A file system of real files, as qcow2.
make_disk() {
  echo "== making a disk image"
  mkdir "$work/tree"
  cp -RL /usr/share/common-licenses "$root/src" "$work/tree"
  head -c 4M /dev/urandom >"$work/tree/random"
  mke2fs -q -t ext4 -d "$work/tree" "$work/disk.raw" 64M
  qemu-img convert -O qcow2 "$work/disk.raw" "$disk"
  ls -l "$disk"
}

make_tokens() {
  make_token admin cloud admin,member,reader
  make_token reader cloud reader
  make_token stranger elsewhere member,reader
}

# make_token USER PROJECT ROLES: the token itself is in the last words that are printed.
make_token() {
  heliostat token --user "$1" --project "$2" --roles "$3" \
    2>"$work/printed" >>"$work/tokens"
  sed -n 's/.*: //p' "$work/printed" >"$work/token-$1"
}

verify() {
  flavor=$1
  user=admin
  local options=(HELIOSTAT_HELIOSTAT__CHUNK_SIZE=1MB)
  [[ $flavor == empty ]] || options+=(
    HELIOSTAT_PASTE_DEPLOY__FLAVOR=token "HELIOSTAT_HELIOSTAT__TOKEN_FILE=$work/tokens")
  start_server "$work/$flavor" "${options[@]}"
  # As in the guide's environment. Without it the client keeps the schema where its own next start falls over it.
  export OS_AUTH_URL=$url
  for step in create show list rename set_property unset_property set_and_unset_tag save \
    download glance_show_and_list glance_update glance_tag deactivate_and_reactivate \
    create_from_stdin refuse_wrong_format; do
    run "$step"
  done
  [[ $flavor == empty ]] || run refuse_reader
  [[ $flavor == empty ]] || run hide_from_stranger
  run delete
  stop_server
}

# run STEP: the function of that name, in a shell of its own.
run() {
  echo "== $flavor: ${1//_/ }"
  local status=0
  set +e
  (set -e && "$1")
  status=$?
  set -e
  if grep -q "^$flavor $1 " "$known_failing"; then
    ((status != 0)) || fail "$flavor $1 works, take it out of $known_failing"
  elif ((status != 0)); then
    tail -n 20 "$work/$flavor/log" >&2
    fail "$flavor: $1"
  fi
}

# -- the clients

openstack() {
  local auth=(--os-auth-type none --os-endpoint "$url")
  # With a token it does not look for versions.
  [[ $flavor == empty ]] || auth=(--os-auth-type admin_token --os-endpoint "$url/v2"
    --os-token "$(<"$work/token-$user")")
  timeout 60 /usr/bin/openstack "${auth[@]}" "$@"
}

glance() {
  local token=none
  [[ $flavor == empty ]] || token=$(<"$work/token-$user")
  timeout 60 /usr/bin/glance --os-image-url "$url" --os-auth-token "$token" "$@"
}

api() {
  local auth=()
  [[ $flavor == empty ]] || auth=(-H "X-Auth-Token: $(<"$work/token-$user")")
  curl -sS --max-time 60 "${auth[@]}" "$url$1" "${@:2}"
}

# shown KEY...: of the image as "openstack image show" has it.
shown() {
  openstack image show "$(id)" -f json | field "$@"
}

id() {
  cat "$work/$flavor/id"
}

# refused TEXT COMMAND...: it fails, and its user reads the text.
refused() {
  local printed
  if printed=$("${@:2}" 2>&1); then fail "${*:2} was not refused"; fi
  [[ $printed == *"$1"* ]] || fail "${*:2} prints \"$printed\", wanted \"$1\""
}

# -- the steps

create() {
  openstack image create cirros --file "$disk" --disk-format qcow2 --container-format bare \
    --public -f json >"$work/created"
  field id <"$work/created" >"$work/$flavor/id"
  expect schema /v2/schemas/image "$(field schema <"$work/created")"
  expect file "/v2/images/$(id)/file" "$(field file <"$work/created")"
}

show() {
  openstack image show cirros
  openstack image show cirros -f json >"$work/shown"
  expect id "$(id)" "$(field id <"$work/shown")"
  expect checksum "$(digest md5sum)" "$(field checksum <"$work/shown")"
  expect size "$(stat -c %s "$disk")" "$(field size <"$work/shown")"
  expect status active "$(field status <"$work/shown")"
  expect visibility public "$(field visibility <"$work/shown")"
  expect schema /v2/schemas/image "$(field schema <"$work/shown")"
  expect file "/v2/images/$(id)/file" "$(field file <"$work/shown")"
  expect disk_format qcow2 "$(field disk_format <"$work/shown")"
  expect container_format bare "$(field container_format <"$work/shown")"
  show_hidden_fields
}

# What Debian's client leaves out of its table.
show_hidden_fields() {
  api "/v2/images/$(id)" >"$work/shown"
  expect os_hash_algo sha512 "$(field os_hash_algo <"$work/shown")"
  expect os_hash_value "$(digest sha512sum)" "$(field os_hash_value <"$work/shown")"
  expect virtual_size "$(qemu-img info --output=json "$disk" | field virtual-size)" \
    "$(field virtual_size <"$work/shown")"
  local owner=null
  [[ $flavor == empty ]] || owner=cloud
  expect owner "$owner" "$(field owner <"$work/shown")"
}

digest() {
  "$1" "$disk" | cut -d ' ' -f 1
}

list() {
  openstack image list
  openstack image list -f json >"$work/listed"
  expect ID "$(id)" "$(field 0 ID <"$work/listed")"
  expect Name cirros "$(field 0 Name <"$work/listed")"
  expect Status active "$(field 0 Status <"$work/listed")"
  expect 'number of images' 1 "$(field length <"$work/listed")"
}

rename() {
  openstack image set cirros --name 'cirros 0.6 – tést'
  expect name 'cirros 0.6 – tést' "$(shown name)"
  openstack image set 'cirros 0.6 – tést' --name cirros
  expect name cirros "$(shown name)"
}

set_property() {
  openstack image set cirros --property os_distro=cirros --property "$property=$value"
  expect os_distro cirros "$(shown properties os_distro)"
  expect "$property" "$value" "$(shown properties "$property")"
}

unset_property() {
  openstack image unset cirros --property "$property"
  expect "$property" undefined "$(shown properties "$property")"
  expect os_distro cirros "$(shown properties os_distro)"
}

set_and_unset_tag() {
  openstack image set cirros --tag stable --tag 'läst ønë'
  expect tags '["läst ønë","stable"]' "$(sorted_tags)"
  expect 'tagged image' "$(id)" "$(openstack image list --tag stable -f value -c ID)"
  openstack image unset cirros --tag 'läst ønë' --tag stable
  expect tags '[]' "$(sorted_tags)"
}

sorted_tags() {
  openstack image show cirros -f json |
    node -p 'JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).tags.toSorted())'
}

save() {
  openstack image save cirros --file "$work/saved"
  cmp "$disk" "$work/saved"
}

download() {
  glance image-download --progress --file "$work/downloaded" "$(id)"
  cmp "$disk" "$work/downloaded"
}

glance_show_and_list() {
  glance image-show "$(id)"
  glance image-list | tee "$work/listed"
  grep -q "$(id) | cirros" "$work/listed"
}

glance_update() {
  glance image-update "$(id)" --min-ram 64 --property "$property=$value" >/dev/null
  expect min_ram 64 "$(shown min_ram)"
  expect "$property" "$value" "$(shown properties "$property")"
  glance image-update "$(id)" --min-ram 0 --remove-property "$property" >/dev/null
  expect "$property" undefined "$(shown properties "$property")"
}

glance_tag() {
  glance image-tag-update "$(id)" 'by glance & ä'
  expect tags '["by glance & ä"]' "$(sorted_tags)"
  glance image-tag-delete "$(id)" 'by glance & ä'
  expect tags '[]' "$(sorted_tags)"
}

deactivate_and_reactivate() {
  glance image-deactivate "$(id)"
  expect status deactivated "$(shown status)"
  glance image-reactivate "$(id)"
  expect status active "$(shown status)"
}

create_from_stdin() {
  openstack image create piped --disk-format qcow2 --container-format bare --private \
    <"$disk" >/dev/null
  expect checksum "$(digest md5sum)" "$(openstack image show piped -f value -c checksum)"
  openstack image delete piped
}

# The openstack client asks for no form of error that it could show, so only glance tells the reason.
refuse_wrong_format() {
  local formats=(--disk-format qcow2 --container-format bare --file "$work/disk.raw")
  refused 415 openstack image create wrong "${formats[@]}"
  expect 'left after a refused upload' '[]' "$(openstack image list --name wrong -f json)"
  refused 'Image disk_format qcow2 does not match stream data' \
    glance image-create --name wrong "${formats[@]}"
  expect status queued "$(openstack image show wrong -f value -c status)"
  openstack image delete wrong
}

refuse_reader() {
  user=reader
  refused 403 openstack image create mine --disk-format raw --container-format bare </dev/null
  refused Forbidden openstack image create mine --disk-format raw --container-format bare </dev/null
  refused 403 openstack image delete cirros
}

hide_from_stranger() {
  openstack image create hidden --disk-format qcow2 --container-format bare --private \
    --file "$disk" -f value -c id >"$work/hidden"
  user=stranger
  expect 'public image' active "$(openstack image show cirros -f value -c status)"
  refused 'No Image found' openstack image show hidden
  refused 'No Image found' openstack image show "$(<"$work/hidden")"
  expect 'status of the private image' 404 \
    "$(api "/v2/images/$(<"$work/hidden")" -o /dev/null -w '%{http_code}')"
  user=admin
  openstack image delete hidden
}

delete() {
  openstack image delete cirros
  refused 'No Image found' openstack image show "$(id)"
  expect 'list of images' '[]' "$(openstack image list -f json)"
}

main
