# Shared by the scripts of this folder: a server of this checkout, on a free port.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
server_pid=

heliostat() {
  node "$root/src/cli/heliostat.js" "$@"
}

# No settings of the user's, and none of his files: the client keeps the schemas it has seen in $HOME. Needs $work.
settle_environment() {
  unset "${!OS_@}"
  export HOME=$work/home LC_ALL=C.UTF-8
  mkdir "$HOME"
}

# start_server FOLDER [OPTION=VALUE...]: sets url and server_pid. The log is FOLDER/log.
start_server() {
  local folder=$1
  shift
  mkdir -p "$folder"
  # It is read before the server may have made it.
  : >"$folder/out"
  env "$@" node "$root/src/cli/heliostat.js" serve --data-dir "$folder/data" --port 0 \
    >"$folder/out" 2>"$folder/log" &
  server_pid=$!
  for _ in {1..300}; do
    url=$(sed -n 's/.*serves the Image API on //p' "$folder/out")
    [[ -n $url ]] && return
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  fail "The server has not started: $(<"$folder/log")"
}

stop_server() {
  [[ -n $server_pid ]] || return 0
  kill "$server_pid" 2>/dev/null || true
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}

# For the end of a script that has started nothing else. Needs $work.
finish() {
  local status=$?
  stop_server
  rm -rf "$work"
  exit "$status"
}

fail() {
  echo "FAILED: $*" >&2
  return 1
}

# expect WHAT WANTED GOT
expect() {
  [[ $2 == "$3" ]] || fail "$1 is \"$3\", wanted \"$2\""
}

# field KEY...: what the JSON on stdin has there, strings without quotes.
field() {
  node -e '
    const document = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
    const value = process.argv.slice(1).reduce((object, key) => object?.[key], document)
    console.log(typeof value === "string" ? value : JSON.stringify(value))
  ' -- "$@"
}
