#!/usr/bin/env bash
# OpenStack's interoperability tests of the Image API (Tempest, Debian's package), as users of a real Keystone.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
source "$(dirname "${BASH_SOURCE[0]}")/keystone.sh"

wanted=83
catalog=/usr/share/glance-common/metadefs

known_failing=$root/test/conformance/known-failing.txt
work=$(mktemp -d)
files_pid=

finish() {
  local status=$?
  [[ -z $files_pid ]] || kill "$files_pid"
  stop_server
  stop_keystone
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
  start_known_server "$work/site" \
    HELIOSTAT_PASTE_DEPLOY__FLAVOR=keystone+cachemanagement \
    HELIOSTAT_DEFAULT__ENABLED_BACKENDS='files:file, more:file, web:http' \
    HELIOSTAT_DEFAULT__ENABLED_IMPORT_METHODS='[glance-direct,web-download,copy-image,glance-download]' \
    HELIOSTAT_GLANCE_STORE__DEFAULT_BACKEND=files \
    HELIOSTAT_FILES__FILESYSTEM_STORE_DATADIR="$work/site/images" \
    HELIOSTAT_MORE__FILESYSTEM_STORE_DATADIR="$work/site/more" \
    HELIOSTAT_DEFAULT__SHOW_MULTIPLE_LOCATIONS=true \
    HELIOSTAT_DEFAULT__SHOW_IMAGE_DIRECT_URL=true \
    HELIOSTAT_OSLO_POLICY__POLICY_FILE="$work/policy.yaml" \
    HELIOSTAT_IMPORT_FILTERING_OPTS__ALLOWED_HOSTS=127.0.0.1 \
    HELIOSTAT_IMPORT_FILTERING_OPTS__ALLOWED_PORTS="${files_url##*:}"
  heliostat db load-metadefs "$catalog" --data-dir "$work/site/data"
  echo '== running Tempest'
  run_tempest
  judge
}

# A file behind HTTP, for images that lie elsewhere: sets files_url and files_pid.
start_files() {
  mkdir "$work/files"
  head -c 1M /dev/urandom >"$work/files/image"
  python3 -u -m http.server --bind 127.0.0.1 --directory "$work/files" 0 >"$work/files.log" 2>&1 &
  files_pid=$!
  for _ in {1..100}; do
    files_url=$(sed -nE 's/^Serving HTTP on .* \((.*)\/\) \.\.\.$/\1/p' "$work/files.log")
    [[ -z $files_url ]] || return 0
    sleep 0.1
  done
  fail "No files are served: $(<"$work/files.log")"
}

# In the working folder, since it leaves a log where it is run. Its own status says less than judge.
run_tempest() (
  local workspaces=$work/workspaces.yaml
  cd "$work"
  timeout 60 tempest init --workspace-path "$workspaces" "$work/tempest" >"$work/log" 2>&1 ||
    fail "tempest init: $(<"$work/log")"
  configure_tempest >"$work/tempest/etc/tempest.conf"
  cd tempest
  timeout 300 tempest run --workspace-path "$workspaces" --concurrency 2 --regex '^tempest\.api\.image\.v2\.' \
    >"$work/log" 2>&1 || true
  sed -nE 's/^\{[0-9]+\} (\S+ \()?(tempest\.[A-Za-z0-9_.]+).* \.\.\. (ok|FAILED|SKIPPED)/\3 \2/p' \
    "$work/log" | sort >"$work/results"
)

# With the users and the projects that it makes in Keystone for each class of tests.
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
region = RegionOne
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

# Every test passes, unless it is one of the known failing; those that are skipped do not.
judge() {
  cat "$work/results"
  local result test passed known=0 wrong=()
  passed=$(grep -c '^ok ' "$work/results" || true)
  while read -r result test; do
    if grep -q "^tempest $test " "$known_failing"; then
      ((++known))
      [[ $result != ok ]] || wrong+=("$test works, take it out of $known_failing")
    elif [[ $result != ok ]]; then
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
