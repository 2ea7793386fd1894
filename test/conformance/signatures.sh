#!/usr/bin/env bash
# Signed images, with certificates in a real Barbican: they are stored there, and images signed and uploaded, by the
# openstack client; what is downloaded is verified as Nova does it, by cursive.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
source "$(dirname "${BASH_SOURCE[0]}")/keystone.sh"
source "$(dirname "${BASH_SOURCE[0]}")/barbican.sh"

work=$(mktemp -d)
certificate=

finish() {
  local status=$?
  ((status == 0)) || { grep -v heliostat.access "$work/site/log" | tail -n 20 || true; } >&2
  stop_server
  stop_barbican
  stop_keystone
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

main() {
  settle_environment
  echo '== starting Keystone, Barbican and the service'
  start_keystone "$work/keystone"
  administer <<'END'
project create demo
user create alice --password alice
role create creator
role add member --user alice --project demo
role add creator --user alice --project demo
user create bob --password bob
project create elsewhere
role add member --user bob --project elsewhere
END
  start_barbican "$work/barbican"
  make_certificates
  start_known_server "$work/site" HELIOSTAT_HELIOSTAT__SIGNATURE_CA_FILE="$work/ca.pem"
  head -c 3000000 /dev/urandom >"$work/image"

  echo '== by a certificate of the authority'
  sign_and_upload signer
  expect 'the status of a signed image' active "$(status_of signed-by-signer)"
  nova_agrees signed-by-signer
  echo '== other bytes under the same signature'
  upload_again
  echo '== certificates that are self-made, or have expired'
  refuse stranger 'leads to no authority that is trusted here'
  refuse expired 'has expired at'
  echo '== somebody who may not have the certificate'
  refuse signer 'Barbican refuses it to this caller with status 403' bob elsewhere
  echo '== All checks passed'
}

# signer and expired are of the authority, stranger is of nobody.
make_certificates() {
  local name
  for name in ca stranger; do
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/$name.key" -out "$work/$name.pem" \
      -subj "/CN=$name" -days 30 2>/dev/null
  done
  for name in signer expired; do
    openssl req -newkey rsa:2048 -nodes -keyout "$work/$name.key" -out "$work/$name.csr" -subj "/CN=$name" 2>/dev/null
  done
  openssl x509 -req -in "$work/signer.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial \
    -out "$work/signer.pem" -days 30 2>/dev/null
  openssl x509 -req -in "$work/expired.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial \
    -out "$work/expired.pem" -days -1 2>/dev/null
}

# sign_and_upload SIGNER [USER PROJECT]: sets certificate, where it is alice who stores it.
sign_and_upload() {
  local user=${2:-alice} project=${3:-demo} signature
  [[ $user != alice ]] || certificate=$(by alice demo openstack secret store --name "$1" --secret-type certificate \
    --payload-content-type application/octet-stream --payload-content-encoding base64 \
    --payload "$(base64 -w 0 "$work/$1.pem")" -f value -c 'Secret href' | sed 's|.*/||')
  signature=$(openssl dgst -sha256 -sign "$work/$1.key" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:max \
    "$work/image" | base64 -w 0)
  by "$user" "$project" openstack image create "signed-by-$1" --file "$work/image" --disk-format raw \
    --container-format bare --property img_signature="$signature" --property img_signature_hash_method=SHA-256 \
    --property img_signature_key_type=RSA-PSS --property img_signature_certificate_uuid="$certificate" \
    >/dev/null 2>"$work/complaint"
}

# refuse SIGNER REASON [USER PROJECT]: the client takes an image away again whose data are refused.
refuse() {
  ! sign_and_upload "$1" "${@:3}" || fail "An image by the certificate $1 is taken"
  grep -q 400 "$work/complaint" || fail "$(<"$work/complaint")"
  grep -q "Signature verification failed for image .* $2" "$work/site/log" || fail "The log does not say: $2"
}

status_of() {
  by alice demo openstack image show "$1" -f value -c status
}

nova_agrees() {
  by alice demo openstack image save "$1" --file "$work/copy"
  by alice demo openstack image show "$1" -f json | field properties |
    node -e 'const own = Object.entries(JSON.parse(require("node:fs").readFileSync(0)))
      console.log(JSON.stringify(Object.fromEntries(own.filter(([name]) => name.startsWith("img_signature")))))' \
      >"$work/own"
  OS_TOKEN=$(by alice demo openstack token issue -f value -c id) BARBICAN=$barbican_url KEYSTONE=$keystone_url \
    /usr/bin/python3 "$root/test/conformance/signatures.py" "$work/own" "$work/copy"
}

# The record of the image that was signed, and bytes that were not.
upload_again() {
  local token id answer
  token=$(by alice demo openstack token issue -f value -c id)
  id=$(node -e 'console.log(JSON.stringify({ ...JSON.parse(require("node:fs").readFileSync(0)), name: "other bytes",
    disk_format: "raw", container_format: "bare" }))' <"$work/own" |
    curl -sf -H "X-Auth-Token: $token" --data-binary @- "$url/v2/images" | field id)
  printf x >>"$work/image"
  answer=$(curl -s -o "$work/answer" -w '%{http_code}' -H "X-Auth-Token: $token" \
    -H 'Content-Type: application/octet-stream' -T "$work/image" "$url/v2/images/$id/file")
  expect 'the answer to other bytes' 400 "$answer"
  grep -q "Signature verification failed for image $id: img_signature is no signature" "$work/answer"
  expect 'the status of an image of other bytes' queued "$(status_of 'other bytes')"
}

main
