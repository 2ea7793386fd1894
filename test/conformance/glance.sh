# Sourced after keystone.sh: a real Glance of Debian's packages, on a free port, which knows the users of that Keystone.

glance_folder=
glance_url=
glance_pid=

# start_glance FOLDER REGION: sets glance_url, and puts it into Keystone's catalogue as the image service of that
# region, where there is one already in another. What it is asked for is in FOLDER/log.
start_glance() {
  local url
  glance_folder=$1
  mkdir -p "$1"/{images,staging,tasks}
  : >"$1/log"
  # It takes 0 for its usual one.
  glance_url=http://127.0.0.1:$(free_port)
  configure_glance "$1" >"$1/glance-api.conf"
  timeout 120 glance-manage --config-file "$1/glance-api.conf" db_sync >"$1/manage" 2>&1 ||
    fail "glance-manage db_sync: $(tail -n 20 "$1/manage")"
  glance-api --config-file "$1/glance-api.conf" >"$1/out" 2>&1 </dev/null &
  glance_pid=$!
  for _ in {1..300}; do
    kill -0 "$glance_pid" 2>/dev/null || break
    curl -s -o /dev/null "$glance_url" && break
    sleep 0.1
  done
  kill -0 "$glance_pid" 2>/dev/null || fail "Glance has not started: $(tail -n 20 "$1/out" "$1/log")"
  url=$glance_url
  register_endpoint image "$2"
}

free_port() {
  python3 -c 'import socket; listener = socket.create_server(("127.0.0.1", 0)); print(listener.getsockname()[1])'
}

# One worker, since of two processes that write to SQLite one is often told that the database is locked.
configure_glance() {
  cat <<END
[DEFAULT]
bind_host = 127.0.0.1
bind_port = ${glance_url##*:}
workers = 1
log_file = $1/log
enabled_backends = files:file
[database]
connection = sqlite:///$1/glance.db
[glance_store]
default_backend = files
[files]
filesystem_store_datadir = $1/images
[os_glance_staging_store]
filesystem_store_datadir = $1/staging
[os_glance_tasks_store]
filesystem_store_datadir = $1/tasks
[keystone_authtoken]
auth_type = password
auth_url = $keystone_url
www_authenticate_uri = $keystone_url
username = glance
password = glance
project_name = service
user_domain_name = Default
project_domain_name = Default
[paste_deploy]
flavor = keystone
config_file = /usr/share/glance-common/glance-api-paste.ini
END
}

# glance_requests PATH: how often it was asked for that, an extended regular expression.
glance_requests() {
  grep -cE "\"GET $1 HTTP" "$glance_folder/log" || true
}

stop_glance() {
  [[ -n $glance_pid ]] || return 0
  kill "$glance_pid" 2>/dev/null || true
  wait "$glance_pid" 2>/dev/null || true
  glance_pid=
}
