#!/usr/bin/env bash
# Installs what the scripts in test/conformance need of Debian, if it is missing: debian-packages.sh [stores | PACKAGE...]
# With "stores" also the real stores, which only test/conformance/stores needs. With other names only those packages.
# Needs root for that.
set -euo pipefail

wanted=(barbican-api bzip2 curl dosfstools e2fsprogs exfatprogs gdisk glance-api glance-common nginx-light ntfs-3g openssl
  parted python3-barbicanclient python3-cursive python3-glanceclient python3-keystone python3-keystonemiddleware
  python3-openstackclient qemu-block-extra qemu-utils tempest uwsgi-plugin-python3 wget xz-utils zstd)
stores=(ceph-common ceph-mgr ceph-mon ceph-osd golang-github-vmware-govmomi-dev golang-go librbd1 memcached
  openssl python3-boto3 python3-cinder python3-glance-store python3-keystonemiddleware python3-nova
  python3-swiftclient radosgw swift-account swift-container swift-object swift-proxy)
case ${1:-} in
  '') ;;
  stores) wanted+=("${stores[@]}") ;;
  *) wanted=("$@") ;;
esac

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Debian starts a daemon as soon as its package is installed, unless this file says no.
forbid_daemons() {
  policy=/usr/sbin/policy-rc.d
  [[ -e $policy ]] && return
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
}

missing=()
for package in "${wanted[@]}"; do
  is_installed "$package" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "Installed already: ${wanted[*]}"
  exit
fi
if ((EUID != 0)); then
  echo "Installing ${missing[*]} needs root" >&2
  exit 1
fi
echo "Installing ${missing[*]}"
forbid_daemons
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
