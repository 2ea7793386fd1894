#!/usr/bin/env bash
# A real Glance of Debian's packages as the source: of glance-download, and of import-glance, which is killed and
# repeated, and follows what changes until the endpoint in Keystone's catalogue is switched while clients read.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
source "$(dirname "${BASH_SOURCE[0]}")/keystone.sh"
source "$(dirname "${BASH_SOURCE[0]}")/glance.sh"

# How many images there are, and how often it is killed.
images=${IMAGES:-200}
kills=${KILLS:-5}
old=RegionOld
new=RegionOne

work=$(mktemp -d)
token=
site_url=
following=
reading=

finish() {
  local status=$?
  ((status == 0)) || report >&2
  [[ -z $following ]] || kill "$following" 2>/dev/null || true
  [[ -z $reading ]] || kill "$reading" 2>/dev/null || true
  stop_server
  stop_glance
  stop_keystone
  wait
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

report() {
  echo '== what the services have logged, and what the command has printed'
  grep -v heliostat.access "$work/site/log" | tail -n 20 || true
  grep -E ' (ERROR|CRITICAL) ' "$work/old/log" | tail -n 20 || true
  tail -n 20 "$work/printed" || true
}

main() {
  settle_environment
  step 'starting Keystone, Glance and the service'
  start_services
  step "$images images in Glance"
  client fill "$old" "$images" "$work/made"
  download_one
  kill_and_repeat
  repeat_without_need
  switch_while_clients_read
  echo "== All checks passed ($SECONDS s)"
}

step() {
  echo "== $* ($SECONDS s)"
}

start_services() {
  mkdir "$work/made"
  start_keystone "$work/keystone"
  administer <<'END'
project create demo
project create elsewhere
user create alice --password alice
user create bob --password bob
role add member --user alice --project demo
role add member --user bob --project elsewhere
END
  start_known_server "$work/site" \
    HELIOSTAT_DEFAULT__ENABLED_IMPORT_METHODS='[glance-direct,glance-download]'
  site_url=$url
  start_glance "$work/old" "$old"
  token=$(by admin admin openstack token issue -f value -c id)
  curl_json "$glance_url/v2/metadefs/namespaces" '{"namespace": "OS::Moved", "visibility": "public",
    "properties": {"hw_moved": {"title": "Moved", "type": "boolean"}}}' >"$work/printed"
}

# client NAME ARGUMENT...
client() {
  KEYSTONE=$keystone_url timeout 180 node --import tsx "$root/test/conformance/moving/$1.ts" "${@:2}"
}

# curl_json URL [DOCUMENT]: as the administrator, unless token is another one.
curl_json() {
  curl -sSf --max-time 60 -H "X-Auth-Token: $token" -H 'Content-Type: application/json' ${2:+-d "$2"} "$1"
}

# list_images URL [FILTER]: everything that it has, in two documents.
list_images() {
  curl_json "$1/v2/images?limit=1000&visibility=all${2:-}"
  curl_json "$1/v2/images?limit=1000&visibility=all&os_hidden=true${2:-}"
}

# with_data URL: how many images have their data.
with_data() {
  { list_images "$1" '&status=active' && list_images "$1" '&status=deactivated'; } | grep -o '"checksum"' | wc -l
}

# import_glance [OPTION...]: into the service's data, beside it. Its process is in import-glance.pid.
import_glance() {
  patience=300 by admin admin bash -c 'echo $$ >"$0"; exec "$@"' "$work/import-glance.pid" \
    node "$root/src/cli/heliostat.js" import-glance "$glance_url" --data-dir "$work/site/data" "$@"
}

# -- glance-download

download_one() {
  step 'glance-download'
  local id source token
  head -c 3000000 /dev/urandom >"$work/disk.raw"
  source=$(by alice demo openstack --os-region-name "$old" image create downloaded --file "$work/disk.raw" \
    --disk-format raw --property hw_disk_bus=virtio --property os_distro=debian --property unrelated=yes -f value -c id)
  token=$(by alice demo openstack token issue -f value -c id)
  curl_json "$site_url/v2/images" '{"name": "downloaded", "disk_format": "raw", "container_format": "bare"}' >"$work/image"
  id=$(field id <"$work/image")
  # The client of this release loses what "glance image-import" is told of the other region.
  curl_json "$site_url/v2/images/$id/import" '{"method": {"name": "glance-download", "glance_region": "'"$old"'",
    "glance_image_id": "'"$source"'"}}' >"$work/printed"
  for _ in {1..100}; do
    curl_json "$site_url/v2/images/$id" >"$work/image"
    [[ $(field status <"$work/image") =~ ^(queued|importing)$ ]] || break
    sleep 0.1
  done
  expect 'the status of the image' active "$(field status <"$work/image")"
  expect 'a property that is taken over' virtio "$(field hw_disk_bus <"$work/image")"
  expect 'another one' debian "$(field os_distro <"$work/image")"
  expect 'one that is not' undefined "$(field unrelated <"$work/image")"
  by alice demo openstack image save "$id" --file "$work/back"
  cmp "$work/disk.raw" "$work/back"
}

# -- import-glance

# Each of its runs is killed at a random instant of the time in which its share comes in of what is left.
kill_and_repeat() {
  local round share total left
  total=$(with_data "$glance_url")
  step "import-glance, killed $kills times"
  for ((round = 1; round <= kills; round++)); do
    left=$((total - $(with_data "$site_url") + 1))
    share=$((1 + RANDOM % (left / (kills - round + 2))))
    import_glance 2>&1 | kill_after "$share" || true
    # But for the one of glance-download.
    echo "   killed soon after it took $share: $(($(with_data "$site_url") - 1)) of $total are here"
  done
  (($(with_data "$site_url") - 1 < total)) || fail 'All were here before the last was killed'
  step 'import-glance, to its end'
  import_glance --json >"$work/printed" || fail "import-glance ended with $?"
  expect 'what is missing' '[]' "$(field missing <"$work/printed")"
  client compare "$glance_url" "$site_url"
}

# kill_after NUMBER <PRINTED: kills it while it takes the image after that.
kill_after() {
  local taken=0 line
  while ((taken < $1)) && read -r line; do
    [[ $line != *'  taken  '* ]] || ((++taken))
  done
  sleep "0.0$((RANDOM % 90 + 10))"
  kill -KILL "$(<"$work/import-glance.pid")"
  cat >"$work/printed"
}

# What is here costs no more than its line in a list and, where it is shared, one request.
repeat_without_need() {
  step 'import-glance, once more'
  local before lists members singles shared
  before=$(wc -l <"$work/old/log")
  import_glance --json >"$work/printed" || fail "import-glance ended with $?"
  tail -n "+$((before + 1))" "$work/old/log" | sed -n 's/.*"GET \([^ ]*\) HTTP.*/\1/p' >"$work/requests"
  lists=$(grep -cE '^/v2/images\?' "$work/requests" || true)
  singles=$(grep -cE '^/v2/images/' "$work/requests" || true)
  members=$(grep -cE '^/v2/images/[^/]+/members$' "$work/requests" || true)
  shared=$(list_images "$glance_url" | grep -o '"visibility": "shared"' | wc -l)
  echo "   Glance was asked for $lists pages of images and $members times for members; $shared images are shared"
  expect 'images that came again' 0 "$(field images taken <"$work/printed")"
  expect 'requests for members' "$shared" "$members"
  expect 'requests for single images' "$shared" "$singles"
  # One to learn what it understands, and two passes over two lists of pages of 200.
  ((lists <= 1 + 2 * 2 * (1 + images / 200))) || fail "$lists requests for lists"
}

# -- --follow

switch_while_clients_read() {
  step 'import-glance --follow, while clients read and images are uploaded'
  import_glance --follow --interval 1 --json >"$work/printed" 2>&1 &
  following=$!
  client read "$old" >"$work/reads" 2>&1 &
  reading=$!
  client fill "$old" 10 "$work/made"
  local status=0 _
  for _ in {1..100}; do
    (($(with_data "$site_url") <= $(with_data "$glance_url"))) || break
    sleep 0.3
  done
  step "Keystone's catalogue is switched"
  administer <<END
endpoint set $(by admin admin openstack endpoint list --service image --region "$old" -f value -c ID) --url $site_url
END
  wait "$reading" || status=$?
  reading=
  cat "$work/reads"
  ((status == 0)) || fail 'Clients have not read what they should'
  kill -INT "$(<"$work/import-glance.pid")"
  wait "$following" || fail "import-glance --follow ended with $?"
  following=
  expect 'what is missing' '[]' "$(field missing <"$work/printed")"
  client compare "$glance_url" "$site_url"
}

main
