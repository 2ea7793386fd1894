#!/usr/bin/env bash
# A Swift of one node on 127.0.0.1, whose only device is a plain folder: swift.sh start|stop FOLDER
#   start  one proxy with Swift's own login (tempauth) and S3, another one that asks a Keystone, which is started too.
#          FOLDER/swift has what a client needs as shell variables:
#            swift_auth_url swift_user swift_key     the login of Swift's own
#            keystone_url keystone_user keystone_key PROJECT:USER as Glance writes it, and the Keystone it logs in at
#            s3_url s3_region s3_access_key s3_secret_key
#            memcached_port                          where the proxies keep the tokens that they know
#   stop   ends everything and removes the folder
# $SWIFT_PORT is the first of six ports; Keystone takes a free one.
set -euo pipefail
# shellcheck source=daemons.sh
source "$(dirname "$0")/daemons.sh"
here=$(dirname "${BASH_SOURCE[0]}")
source "$here/../server.sh"
source "$here/../keystone.sh"

port=${SWIFT_PORT:-26880}
command=${1:?start or stop}
folder=$(realpath -m "${2:?folder}")
user=$(id -un)

start() {
  [[ ! -e $folder/swift ]] || return 0
  mkdir -p "$folder"/{etc,device/d1,run,log}
  chmod 700 "$folder"
  trap '[[ -e $folder/swift ]] || stop' EXIT
  configure
  make_rings
  daemon memcached memcached -u "$user" -l 127.0.0.1 -p $((port + 5)) -m 32 -U 0
  daemon account /usr/bin/swift-account-server "$folder/etc/account.conf"
  daemon container /usr/bin/swift-container-server "$folder/etc/container.conf"
  daemon object /usr/bin/swift-object-server "$folder/etc/object.conf"
  configure_proxy $port 's3api tempauth' >"$folder/etc/proxy.conf"
  daemon proxy /usr/bin/swift-proxy-server "$folder/etc/proxy.conf"
  start_known_keystone
  configure_proxy $((port + 1)) 'authtoken keystoneauth' >"$folder/etc/keystone-proxy.conf"
  daemon keystone-proxy /usr/bin/swift-proxy-server "$folder/etc/keystone-proxy.conf"
  await_proxy $port
  await_proxy $((port + 1))
  describe >"$folder/swift"
}

configure() {
  cat >"$folder/etc/swift.conf" <<END
[swift-hash]
swift_hash_path_prefix = first
swift_hash_path_suffix = last
[storage-policy:0]
name = only
default = yes
[swift-constraints]
container_listing_limit = 100
END
  local kind offset
  for kind in object:2 container:3 account:4; do
    offset=${kind#*:}
    kind=${kind%:*}
    cat >"$folder/etc/$kind.conf" <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $((port + offset))
user = $user
swift_dir = $folder/etc
devices = $folder/device
mount_check = false
disable_fallocate = true
workers = 0
log_level = WARNING
log_address = $folder/none
[pipeline:main]
pipeline = $kind-server
[app:$kind-server]
use = egg:swift#$kind
replication_server = true
END
  done
}

# One process makes all three; swift-ring-builder would take ten times as long.
make_rings() {
  /usr/bin/python3 - "$folder/etc" "$port" <<'END'
import sys
from swift.common.ring import RingBuilder
for number, kind in enumerate(['object', 'container', 'account'], 2):
    builder = RingBuilder(4, 1, 1)
    where = {'ip': '127.0.0.1', 'port': int(sys.argv[2]) + number}
    again = {'replication_' + key: value for key, value in where.items()}
    builder.add_dev({'region': 1, 'zone': 1, 'device': 'd1', 'weight': 1, 'meta': '', **where, **again})
    builder.rebalance()
    builder.get_ring().save('%s/%s.ring.gz' % (sys.argv[1], kind))
END
}

# configure_proxy PORT 'FILTERS OF THE LOGIN'
configure_proxy() {
  cat <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $1
user = $user
swift_dir = $folder/etc
workers = 0
log_level = WARNING
log_address = $folder/none
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache bulk $2 copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_glance_svc = swift-key .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
check_bucket_owner = false
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = $keystone_url
auth_url = $keystone_url
auth_type = password
username = glance
password = glance
user_domain_name = Default
project_name = service
project_domain_name = Default
service_token_roles_required = true
delay_auth_decision = true
cache = swift.cache
token_cache_time = 2
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, service
END
  local name
  for name in catch_errors gatekeeper healthcheck bulk copy slo dlo; do
    printf '[filter:%s]\nuse = egg:swift#%s\n' "$name" "$name"
  done
  printf '[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:%s\n' $((port + 5))
}

start_known_keystone() {
  start_keystone "$folder/keystone"
  echo "$keystone_pid" >"$folder/run/keystone.pid"
  local account="http://127.0.0.1:$((port + 1))/v1/AUTH_%(tenant_id)s"
  administer <<END
service create object-store --name swift
endpoint create object-store public $account --region RegionOne
endpoint create object-store internal $account --region RegionOne
END
}

describe() {
  cat <<END
swift_auth_url=http://127.0.0.1:$port/auth/v1.0
swift_user=glance:svc
swift_key=swift-key
keystone_url=$keystone_url/v3
keystone_user=service:glance
keystone_key=glance
s3_url=http://127.0.0.1:$port
s3_region=us-east-1
s3_access_key=glance:svc
s3_secret_key=swift-key
memcached_port=$((port + 5))
END
}

# daemon NAME COMMAND...
daemon() {
  local name=$1
  "${@:2}" >"$folder/log/$name" 2>&1 </dev/null &
  echo $! >"$folder/run/$name.pid"
}

await_proxy() {
  for _ in {1..600}; do
    ! curl -sf -o /dev/null "http://127.0.0.1:$1/healthcheck" || return 0
    sleep 0.1
  done
  fail "Swift has not started: $(tail -n 5 "$folder"/log/*)"
}

stop() { end_daemons "$folder"; }

case $command in
  start | stop) "$command" ;;
  *) fail "Cannot $command: wanted start or stop" ;;
esac
