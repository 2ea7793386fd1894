#!/usr/bin/env bash
# OpenStack's interoperability tests of the Image API (Tempest, Debian's package), as users of a real Keystone.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
source "$(dirname "${BASH_SOURCE[0]}")/keystone.sh"

catalog=/usr/share/glance-common/metadefs
# What a single store, and a single node, is not asked: Tempest skips it by itself.
of_several='\.(MultiStoresImportImages|ImportCopyImages|ImportImagesNegative)Test|\.test_remote_(import|delete):'

known_failing=$root/test/conformance/known-failing.txt
work=$(mktemp -d)
started=()

finish() {
  local status=$?
  ((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
  stop_keystone
  wait
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

main() {
  settle_environment
  echo '== starting Keystone and the service'
  start_keystone "$work/keystone"
  start_files
  # By default only administrators may, whom the tests do not ask.
  echo '"delete_image_location": "role:admin or (role:member and project_id:%(project_id)s)"' >"$work/policy.yaml"
  start_nodes
  echo '== running Tempest: several stores, two nodes'
  run_tempest RegionOne
  judge 83 '^$'
  start_node "$work/alone"
  register_endpoint image RegionTwo
  heliostat db load-metadefs "$catalog" --data-dir "$work/alone/data"
  echo '== running Tempest: one store, one node'
  run_tempest RegionTwo
  judge 77 "$of_several"
}

# Two nodes with the same stores, of which Tempest knows the second as a service of its own.
start_nodes() {
  start_database
  local shared=(
    HELIOSTAT_DATABASE__CONNECTION="$database_url"
    HELIOSTAT_DEFAULT__ENABLED_BACKENDS='files:file, more:file, web:http'
    HELIOSTAT_GLANCE_STORE__DEFAULT_BACKEND=files
    HELIOSTAT_FILES__FILESYSTEM_STORE_DATADIR="$work/images"
    HELIOSTAT_MORE__FILESYSTEM_STORE_DATADIR="$work/more"
  )
  (export "${shared[0]}" && heliostat db sync && heliostat db load-metadefs "$catalog")
  start_node "$work/second" "${shared[@]}"
  register_server image_remote
  start_node "$work/first" "${shared[@]}"
  register_server image
}

# start_node FOLDER [OPTION=VALUE...]
start_node() {
  start_server_of_keystone "$1" \
    HELIOSTAT_PASTE_DEPLOY__FLAVOR=keystone+cachemanagement \
    HELIOSTAT_DEFAULT__ENABLED_IMPORT_METHODS='[glance-direct,web-download,copy-image,glance-download]' \
    HELIOSTAT_DEFAULT__SHOW_MULTIPLE_LOCATIONS=true \
    HELIOSTAT_DEFAULT__SHOW_IMAGE_DIRECT_URL=true \
    HELIOSTAT_OSLO_POLICY__POLICY_FILE="$work/policy.yaml" \
    HELIOSTAT_IMPORT_FILTERING_OPTS__ALLOWED_HOSTS='127.0.0.1,does-not.exist' \
    HELIOSTAT_IMPORT_FILTERING_OPTS__ALLOWED_PORTS="${files_url##*:}" \
    "${@:2}"
  started+=("$server_pid")
}

# Sets database_url.
start_database() {
  : >"$work/database"
  node --import tsx "$root/scripts/libsql-server.ts" --db "$work/registry.db" --port 0 >"$work/database" &
  started+=($!)
  for _ in {1..100}; do
    database_url=$(sed -n 's/^HELIOSTAT_DATABASE__CONNECTION=//p' "$work/database")
    [[ -z $database_url ]] || return 0
    sleep 0.1
  done
  fail 'The database has not started'
}

# A file behind HTTP, for images that lie elsewhere: sets files_url.
start_files() {
  mkdir "$work/files"
  : >"$work/files.log"
  head -c 1M /dev/urandom >"$work/files/image"
  python3 -u -m http.server --bind 127.0.0.1 --directory "$work/files" 0 >"$work/files.log" 2>&1 &
  started+=($!)
  for _ in {1..100}; do
    files_url=$(sed -nE 's/^Serving HTTP on .* \((.*)\/\) \.\.\.$/\1/p' "$work/files.log")
    [[ -z $files_url ]] || return 0
    sleep 0.1
  done
  fail "No files are served: $(<"$work/files.log")"
}

# run_tempest REGION, in the working folder, since it leaves a log where it is run. Its own status says less than judge.
run_tempest() (
  local workspaces=$work/workspaces.yaml
  cd "$work"
  rm -rf "$workspaces" "$work/tempest"
  timeout 60 tempest init --workspace-path "$workspaces" "$work/tempest" >"$work/log" 2>&1 ||
    fail "tempest init: $(<"$work/log")"
  configure_tempest "$1" >"$work/tempest/etc/tempest.conf"
  cd tempest
  timeout 300 tempest run --workspace-path "$workspaces" --concurrency 2 --regex '^tempest\.api\.image\.v2\.' \
    >"$work/log" 2>&1 || true
  sed -nE 's/^\{[0-9]+\} (\S+ \()?(tempest\.[A-Za-z0-9_.]+).* \.\.\. (ok|FAILED|SKIPPED)/\3 \2/p' \
    "$work/log" | sort >"$work/results"
)

# configure_tempest REGION, with the users and the projects that it makes in Keystone for each class of tests.
configure_tempest() {
  cat <<END
[DEFAULT]
log_file = $work/tempest-debug.log
[oslo_concurrency]
lock_path = $work/locks
[auth]
use_dynamic_credentials = true
admin_username = admin
admin_password = admin
admin_project_name = admin
admin_domain_name = Default
[identity]
uri_v3 = $keystone_url/v3
auth_version = v3
region = RegionOne
[identity-feature-enabled]
api_v2 = false
[service_available]
cinder = false
glance = true
neutron = false
nova = false
swift = false
[image]
region = $1
$([[ $1 != RegionOne ]] || echo 'alternate_image_endpoint = image_remote')
http_image = $files_url/image
image_caching_enabled = true
[image-feature-enabled]
manage_locations = true
os_glance_reserved = true
import_image = true
[enforce_scope]
glance = true
[validation]
run_validation = false
END
}

# judge WANTED SKIPPED: so many tests pass, and every other one is known to fail or may be skipped, by its name.
judge() {
  cat "$work/results"
  local wanted=$1 skipped=$2 result test passed known=0 wrong=()
  passed=$(grep -c '^ok ' "$work/results" || true)
  while read -r result test; do
    if grep -qF "tempest $test " "$known_failing"; then
      ((++known))
      [[ $result != ok ]] || wrong+=("$test works, take it out of $known_failing")
    elif [[ $result != ok && ! ($result == SKIPPED && $test =~ $skipped) ]]; then
      wrong+=("$test: $result")
    fi
  done <"$work/results"
  echo "== $passed passed, $known known to fail"
  ((passed + known >= wanted)) || wrong+=("$((passed + known)) of $wanted tests ran")
  ((${#wrong[@]} == 0)) || {
    sed -n '/^Failed .* output below/,$p' "$work/log" | grep . >&2 || tail -n 20 "$work/log" >&2
    fail "$(printf '%s\n' "${wrong[@]}")"
  }
}

main
