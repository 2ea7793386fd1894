#!/usr/bin/env bash
# A Ceph of one node on 127.0.0.1, with its objects in memory: ceph.sh start|rgw|stop FOLDER
#   start  FOLDER/ceph.conf; the pools images and vms; keyrings of client.admin, client.glance and client.nova
#   rgw    S3 and Swift on $CEPH_RGW_PORT; FOLDER/rgw has the address and the keys as shell variables
#   stop   ends everything and removes the folder
# $CEPH_PORT is the monitor's port; the daemons take some of the 40 above it. $CEPH_SIZE is the room for objects, which is
# taken from memory as it is used. $CEPH_MGR=1 starts a manager, which alone knows how much of a pool is used.
set -euo pipefail
# shellcheck source=daemons.sh
source "$(dirname "$0")/daemons.sh"

port=${CEPH_PORT:-26789}
rgw_port=${CEPH_RGW_PORT:-$((port + 50))}
size=${CEPH_SIZE:-6G}
command=${1:?start, rgw or stop}
folder=$(realpath -m "${2:?folder}")
conf=$folder/ceph.conf

fail() {
  echo "ceph.sh: $*" >&2
  exit 1
}

# One port a daemon (msgr1 only), so that nothing listens on another address. Without a second copy of each object, and
# without the time that a cluster takes to be sure that a daemon is gone.
write_conf() {
  cat >"$conf" <<END
[global]
fsid = $fsid
mon host = v1:127.0.0.1:$port
public addr = 127.0.0.1
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
ms bind ipv6 = false
ms bind msgr2 = false
ms bind port min = $((port + 1))
ms bind port max = $((port + 40))
auth allow insecure global id reclaim = false
keyring = $folder/ceph.\$name.keyring
run dir = $folder/run
admin socket = $folder/run/\$name.\$pid.asok
log file = $folder/log/\$name.log
pid file = $folder/run/\$name.pid
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd crush initial weight = 1
mon allow pool size one = true
mon allow pool delete = true
mon data avail warn = 1
mon data avail crit = 1
setuser match path =
[mon]
mon data = $folder/mon
mon cluster log file = $folder/log/cluster.log
keyring = $folder/mon.keyring
paxos propose interval = 0.1
[mgr]
mgr data = $folder/mgr
mgr initial modules =
mgr stats period = 1
[osd]
osd data = $folder/osd
osd objectstore = memstore
osd class load list = *
osd class default list = *
osd op num shards = 2
osd max object name len = 256
osd max object namespace len = 64
memstore device bytes = $size
osd heartbeat interval = 1
# How long a client that has died counts as one that has an image open; 30 seconds elsewhere.
osd client watch timeout = 3
[client]
admin socket =
log file =
[client.radosgw.a]
rgw frontends = beast endpoint=127.0.0.1:$rgw_port tcp_nodelay=1
rgw thread pool size = 16
rgw num rados handles = 1
rgw gc obj min wait = 0
rgw gc processor period = 15
rgw gc processor max time = 15
rgw swift url = http://127.0.0.1:$rgw_port
rgw swift account in url = false
END
}

# key NAME CAPS...: a keyring, which the monitor knows of from the start.
key() {
  local keyring=$folder/ceph.$1.keyring caps=("${@:2}") arguments=()
  while ((${#caps[@]} > 0)); do
    arguments+=(--cap "${caps[0]}" "${caps[1]}")
    caps=("${caps[@]:2}")
  done
  ceph-authtool -C "$keyring" --gen-key -n "$1" "${arguments[@]}" >/dev/null
  ceph-authtool "$folder/mon.keyring" --import-keyring "$keyring" >/dev/null
}

write_keys() {
  ceph-authtool -C "$folder/mon.keyring" --gen-key -n mon. --cap mon 'allow *' >/dev/null
  key client.admin mon 'allow *' osd 'allow *' mgr 'allow *'
  key mgr.a mon 'allow profile mgr' osd 'allow *'
  key osd.0 mon 'allow profile osd' mgr 'allow profile osd' osd 'allow *'
  # As Ceph's documentation of OpenStack has them.
  key client.glance mon 'profile rbd' osd 'profile rbd pool=images' mgr 'profile rbd pool=images'
  key client.nova mon 'profile rbd' osd 'profile rbd pool=vms, profile rbd-read-only pool=images' mgr 'profile rbd pool=vms'
  key client.radosgw.a mon 'allow rw' osd 'allow rwx'
}

# daemon NAME PROGRAM...: starts it, in the background by itself.
daemon() {
  "${@:2}" -c "$conf" >"$folder/log/$1.out" 2>&1 </dev/null ||
    fail "$2 has not started: $(tail -n 20 "$folder/log/$1.out" "$folder/log/$1.log" 2>&1)"
}

# ask <COMMANDS: what "ceph" is to do, one command a line, in one process.
ask() {
  timeout 60 ceph -c "$conf" >"$folder/log/asked" 2>&1 || fail "ceph: $(tail -n 20 "$folder/log/asked")"
  if grep -q '^Error' "$folder/log/asked"; then fail "ceph: $(tail -n 20 "$folder/log/asked")"; fi
}

start() {
  [[ ! -e $folder/run ]] || fail "There is one in $folder already"
  mkdir -p "$folder"/{mon,mgr,osd,run,log}
  chmod 700 "$folder"
  trap stop ERR
  fsid=$(</proc/sys/kernel/random/uuid)
  osd=$(</proc/sys/kernel/random/uuid)
  write_conf
  write_keys
  monmaptool --create --fsid "$fsid" --enable-all-features --addv a "[v1:127.0.0.1:$port]" "$folder/monmap" >/dev/null
  ceph-mon -c "$conf" -i a --mkfs --monmap "$folder/monmap" --keyring "$folder/mon.keyring"
  daemon mon.a ceph-mon -i a
  ask <<END
osd new $osd 0
osd pool create images 8 8
osd pool create vms 8 8
osd pool application enable images rbd
osd pool application enable vms rbd
END
  ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd" 2>"$folder/log/mkfs"
  daemon osd.0 ceph-osd -i 0
  if [[ ${CEPH_MGR:-} ]]; then daemon mgr.a ceph-mgr -i a; fi
  wait_for_pools
}

# A pool that takes an image is there; only a manager could say so.
wait_for_pools() {
  for pool in images vms; do
    timeout 30 rbd -c "$conf" create --size 1 "$pool/first" || fail "The pool $pool takes no image"
    timeout 30 rbd -c "$conf" rm --no-progress "$pool/first"
  done
}

rgw() {
  daemon client.radosgw.a radosgw -n client.radosgw.a
  for _ in {1..300}; do
    ! curl -sf -o /dev/null "http://127.0.0.1:$rgw_port/" || break
    sleep 0.1
  done
  radosgw-admin -c "$conf" user create --uid=glance --display-name=glance \
    --access-key=GLANCEKEY --secret-key=GLANCESECRET >"$folder/log/users" 2>&1 || fail "$(tail "$folder/log/users")"
  radosgw-admin -c "$conf" subuser create --uid=glance --subuser=glance:swift --access=full \
    --key-type=swift --secret=SWIFTSECRET >"$folder/log/users" 2>&1 || fail "$(tail "$folder/log/users")"
  cat >"$folder/rgw" <<END
s3_url=http://127.0.0.1:$rgw_port
s3_access_key=GLANCEKEY
s3_secret_key=GLANCESECRET
swift_auth_url=http://127.0.0.1:$rgw_port/auth/v1.0
swift_user=glance:swift
swift_key=SWIFTSECRET
END
}

stop() { end_daemons "$folder"; }

case $command in
  start | rgw | stop) "$command" ;;
  *) fail "Cannot $command" ;;
esac
