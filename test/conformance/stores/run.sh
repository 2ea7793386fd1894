#!/usr/bin/env bash
# The stores against the real ones: Ceph with its gateway, Swift with its S3, nginx. Each is started once, for all tests:
# run.sh [FILE…]
set -euo pipefail
cd "$(dirname "$0")/../../.."
bash scripts/debian-packages.sh stores

folder=$(mktemp -d)
finish() {
  bash test/conformance/stores/ceph.sh stop "$folder/ceph"
  bash test/conformance/stores/swift.sh stop "$folder/swift"
  rm -rf "$folder"
}
trap finish EXIT

export CEPH_PORT=26889
bash test/conformance/stores/ceph.sh start "$folder/ceph"
bash test/conformance/stores/ceph.sh rgw "$folder/ceph"
bash test/conformance/stores/swift.sh start "$folder/swift"
unset CEPH_PORT

# endpoint NAME FILE: as the tests of S3 are told of it.
endpoint() (
  # shellcheck disable=SC1090
  source "$2"
  # shellcheck disable=SC2154
  printf '{"name":"%s","host":"%s","accessKey":"%s","secretKey":"%s"}' \
    "$1" "$s3_url" "$s3_access_key" "$s3_secret_key"
)

S3_ENDPOINTS="[$(endpoint radosgw "$folder/ceph/rgw"),$(endpoint s3api "$folder/swift/swift")]"
export S3_ENDPOINTS
export SWIFT_FOLDER=$folder/swift SWIFT_RGW=$folder/ceph/rgw
export CEPH_FOLDER=$folder/ceph

(($# > 0)) || set -- test/conformance/stores/*.test.ts
node --import tsx --test --test-reporter=spec --test-concurrency=1 "$@"
