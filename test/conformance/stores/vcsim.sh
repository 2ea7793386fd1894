#!/usr/bin/env bash
# A vCenter on 127.0.0.1, of the simulator in Debian's govmomi: vcsim.sh start|stop FOLDER
#   start  https, user and password glance, data center DC0 with the datastores LocalDS_0 and LocalDS_1;
#          FOLDER/ca.pem has signed its certificate. /test/end-sessions ends all sessions
#   stop   ends it and removes the folder
# $VCSIM_PORT is its port. It is built once, from sources on this machine only, into $VCSIM_CACHE.
set -euo pipefail

port=${VCSIM_PORT:-26989}
command=${1:?start or stop}
folder=$(realpath -m "${2:?folder}")
here=$(cd "$(dirname "$0")" && pwd)
cache=${VCSIM_CACHE:-$here/../../../node_modules/.cache/vcsim}
program=$cache/vcsim

fail() {
  echo "vcsim.sh: $*" >&2
  exit 1
}

# Debian has the sources of all that it needs, as packages of GOPATH.
build() {
  [[ $program -nt $here/vcsim/main.go ]] && return
  mkdir -p "$cache/path/src"
  ln -sfn "$here/vcsim" "$cache/path/src/vcsim"
  (
    cd "$cache/path/src/vcsim"
    GO111MODULE=off GOFLAGS='' GOTOOLCHAIN=local GOCACHE=$cache/objects GOPATH=$(realpath "$cache")/path:/usr/share/gocode \
      go build -o "$(realpath "$cache")/vcsim" .
  )
}

# A certificate of its own that an authority has signed: Deno takes none that is an authority itself.
make_certificate() {
  (
    cd "$folder"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=authority' -keyout ca.key -out ca.pem
    openssl req -newkey rsa:2048 -nodes -subj '/CN=127.0.0.1' -keyout key.pem -out request.pem
    printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' >extensions
    openssl x509 -req -days 2 -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile extensions -out cert.pem
  ) 2>/dev/null
}

start() {
  [[ -e $folder/pid ]] && return
  mkdir -p "$folder"
  build
  make_certificate
  TMPDIR=$folder setsid "$program" -listen "127.0.0.1:$port" -certificate "$folder/cert.pem" -key "$folder/key.pem" \
    >"$folder/log" 2>&1 </dev/null &
  echo $! >"$folder/pid"
  for _ in $(seq 100); do
    curl -fsk -o "$folder/answer" "https://127.0.0.1:$port/test/end-sessions" && return
    kill -0 "$(cat "$folder/pid")" 2>/dev/null || fail "it has ended: $(tail -n 5 "$folder/log")"
    sleep 0.1
  done
  fail "no answer: $(tail -n 5 "$folder/log")"
}

stop() {
  if [[ -e $folder/pid ]]; then
    kill "$(cat "$folder/pid")" 2>/dev/null || true
  fi
  rm -rf "$folder"
}

case $command in
  start | stop) "$command" ;;
  *) fail "$command: wanted start or stop" ;;
esac
