#!/usr/bin/env bash
# Metadata definitions: OpenStack's catalog of Debian's glance-common, and every md-* command of Debian's glance client.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"

catalog=/usr/share/glance-common/metadefs
work=$(mktemp -d)
origin_pid=

finish() {
  local status=$?
  ((status == 0)) || tail -n 20 "$work"/*/log >&2
  stop_server
  [[ -z $origin_pid ]] || kill "$origin_pid" 2>/dev/null || true
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

main() {
  settle_environment
  echo '== the catalog'
  (cd "$root" && node --import tsx --test test/conformance/metadefs-catalog.test.ts)
  start_server "$work/first"
  heliostat db load-metadefs "$catalog" --data-dir "$work/first/data"
  # Without it the client keeps the schemas where its own next start falls over them.
  export OS_AUTH_URL=$url
  for step in namespaces import resource_types properties objects tags edge; do
    echo "== ${step//_/ }"
    "$step"
  done
  stop_server
  echo 'All steps passed'
}

glance() {
  timeout 60 /usr/bin/glance --os-image-url "$url" --os-auth-token none "$@"
}

# ask PATH: GET, with /v2/metadefs before it.
ask() {
  curl -sS --fail --max-time 60 "$url/v2/metadefs$1"
}

# refused TEXT COMMAND...: it fails, and its user reads the text.
refused() {
  local printed
  if printed=$("${@:2}" 2>&1); then fail "${*:2} was not refused"; fi
  [[ $printed == *"$1"* ]] || fail "${*:2} prints \"$printed\", wanted \"$1\""
}

# shows TEXT COMMAND...: what it prints has the text.
shows() {
  local printed
  printed=$("${@:2}")
  [[ $printed == *"$1"* ]] || fail "${*:2} prints \"$printed\", wanted \"$1\""
}

# -- the steps

namespaces() {
  glance md-namespace-create CI::One --display-name 'One ü' --description 'The first' \
    --visibility public --protected True --owner someone
  shows 'One ü' glance md-namespace-show CI::One
  shows CI::One glance md-namespace-list --visibility public --page-size 5
  shows OS::Compute::Watchdog glance md-namespace-list --resource-types OS::Nova::Flavor
  shows hw_watchdog_action glance md-namespace-show OS::Compute::Watchdog \
    --resource-type OS::Glance::Image
  refused 'already exists' glance md-namespace-create CI::One
  refused 'is protected and cannot be deleted' glance md-namespace-delete CI::One
  glance md-namespace-update CI::One --protected False --visibility private --namespace CI::Two
  expect visibility private "$(ask /namespaces/CI::Two | field visibility)"
  expect owner someone "$(ask /namespaces/CI::Two | field owner)"
  glance md-namespace-delete CI::Two
  refused 'was not found' glance md-namespace-show CI::Two
}

# A file as it is, and what the service shows of a namespace, by file and by stdin.
import() {
  sed 's/OS::Compute::Watchdog/CI::Imported/' "$catalog/compute-watchdog.json" >"$work/import.json"
  shows CI::Imported glance md-namespace-import --file "$work/import.json"
  sed 's/OS::Software::WebServers/CI::Servers/' "$catalog/software-webservers.json" |
    glance md-namespace-import >/dev/null
  shows Nginx glance md-object-list CI::Servers
  glance md-namespace-update CI::Imported --protected False >/dev/null
  expect associations 3 \
    "$(ask /namespaces/CI::Imported | field resource_type_associations length)"
}

resource_types() {
  shows OS::Cinder::Volume glance md-resource-type-list
  glance md-resource-type-associate CI::Imported --name CI::Type --prefix ci_ --properties-target all
  shows ci_ glance md-namespace-resource-type-list CI::Imported
  refused 'already exists' glance md-resource-type-associate CI::Imported --name CI::Type
  glance md-resource-type-deassociate CI::Imported CI::Type
  refused 'Failed to find resource type' glance md-resource-type-deassociate CI::Imported CI::Type
  shows CI::Type glance md-resource-type-list
}

properties() {
  local schema='{"type": "integer", "default": 4, "minimum": 1, "description": "Many"}'
  glance md-property-create CI::Imported --name cores --title Cores --schema "$schema"
  shows Cores glance md-property-list CI::Imported
  shows Many glance md-property-show CI::Imported cores
  glance md-property-update CI::Imported cores --name cpus --title CPUs --schema '{"type": "string"}'
  expect title CPUs "$(ask /namespaces/CI::Imported/properties/cpus | field title)"
  refused 'already exists' \
    glance md-property-create CI::Imported --name cpus --title CPUs --schema "$schema"
  glance md-property-delete CI::Imported cpus
  refused 'Could not find property cpus' glance md-property-show CI::Imported cpus
  glance md-namespace-properties-delete CI::Imported
  expect properties '{}' "$(ask /namespaces/CI::Imported/properties | field properties)"
}

objects() {
  local schema='{"description": "A clock", "properties": {"hz": {"title": "Hz", "type": "integer"}}}'
  glance md-object-create CI::Imported --name Clock --schema "$schema"
  shows 'A clock' glance md-object-list CI::Imported
  shows Clock glance md-object-show CI::Imported Clock
  shows Hz glance md-object-property-show CI::Imported Clock hz
  glance md-object-update CI::Imported Clock --name Timer --schema "$schema"
  refused 'already exists' glance md-object-create CI::Imported --name Timer --schema "$schema"
  glance md-object-delete CI::Imported Timer
  refused 'Could not find metadata object Timer' glance md-object-show CI::Imported Timer
  glance md-object-create CI::Imported --name Clock --schema "$schema" >/dev/null
  glance md-namespace-objects-delete CI::Imported
  expect objects '[]' "$(ask /namespaces/CI::Imported/objects | field objects)"
}

tags() {
  glance md-tag-create CI::Imported --name 'by glance & ä'
  shows 'by glance & ä' glance md-tag-show CI::Imported 'by glance & ä'
  refused 'already exists' glance md-tag-create CI::Imported --name 'by glance & ä'
  glance md-tag-create-multiple CI::Imported --names one,two >/dev/null
  # By hand: the --append of python3-glanceclient 4.1 fails before it sends anything.
  curl -sS --fail -o "$work/answer" -H 'X-Openstack-Append: True' -d '{"tags": [{"name": "three"}]}' \
    "$url/v2/metadefs/namespaces/CI::Imported/tags"
  glance md-tag-update CI::Imported one --name uno
  shows uno glance md-tag-list CI::Imported
  expect 'number of tags' 3 "$(ask /namespaces/CI::Imported/tags | field tags length)"
  glance md-tag-delete CI::Imported uno
  glance md-namespace-tags-delete CI::Imported
  expect tags '[]' "$(ask /namespaces/CI::Imported/tags | field tags)"
}

# At an edge of this origin the catalog is the same, and is not to be changed.
edge() {
  ask '/namespaces?limit=1000&sort_key=namespace' >"$work/at-origin"
  local origin=$url
  stop_server
  start_server "$work/first" HELIOSTAT_MIRROR__TOKENS=secret "HELIOSTAT_BIND_PORT=${origin##*:}"
  origin_pid=$server_pid
  start_server "$work/edge" HELIOSTAT_MIRROR__UPSTREAM="$url" HELIOSTAT_MIRROR__UPSTREAM_TOKEN=secret
  for _ in {1..100}; do
    # Before its first snapshot the edge answers 503.
    ask '/namespaces?limit=1000&sort_key=namespace' >"$work/at-edge" &&
      cmp -s "$work/at-origin" "$work/at-edge" && break
    sleep 0.1
  done
  cmp "$work/at-origin" "$work/at-edge"
  shows hw_watchdog_action glance md-namespace-show OS::Compute::Watchdog \
    --resource-type OS::Glance::Image
  refused 'read-only mirror' glance md-namespace-delete CI::Imported
}

main
