# Sourced by keystone.sh: services of OpenStack, each one process of uWSGI. It closes each connection, but does not say so.

# run_wsgi NAME FILE LOG PATH [ADDRESS]: sets NAME_url and NAME_pid, and returns when there is an answer at the path.
run_wsgi() {
  local name=$1 file=$2 log=$3 path=$4 address=${5:-127.0.0.1:0}
  local -n of_url=$1_url of_pid=$1_pid
  # It is read before uWSGI may have made it.
  : >"$log"
  uwsgi --plugins python3 --http-socket "$address" --add-header 'Connection: close' \
    --need-app --wsgi-file "$file" --die-on-term >>"$log" 2>&1 </dev/null &
  of_pid=$!
  for _ in {1..300}; do
    kill -0 "$of_pid" 2>/dev/null || break
    of_url=http://$(sed -n 's/.* bound to TCP address \([0-9.:]*\).*/\1/p' "$log")
    curl -sf -o /dev/null "$of_url$path" && return
    sleep 0.1
  done
  fail "$name has not started: $(tail -n 20 "$log")"
}

# stop_wsgi NAME. uWSGI that has only begun to start takes SIGTERM for a wish to start anew.
stop_wsgi() {
  local -n of_pid=$1_pid
  [[ -n $of_pid ]] || return 0
  kill -KILL "$of_pid" 2>/dev/null || true
  wait "$of_pid" 2>/dev/null || true
  of_pid=
}
