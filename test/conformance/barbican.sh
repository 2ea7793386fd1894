# Sourced after keystone.sh: a real Barbican of Debian's packages, on a free port, which knows the users of that Keystone.

barbican_url=
barbican_pid=

# start_barbican FOLDER: sets barbican_url, and puts it into Keystone's catalogue. Its configuration is looked for in
# $HOME only.
start_barbican() {
  local folder=$1
  mkdir -p "$folder" "$HOME/.barbican"
  administer <<'END'
user create barbican --password barbican
role add service --user barbican --project service
END
  # Or it may not be there yet when it is looked into.
  : >"$folder/uwsgi"
  configure_barbican "$folder" >"$HOME/.barbican/barbican.conf"
  uwsgi --plugins python3 --http-socket 127.0.0.1:0 --add-header 'Connection: close' \
    --need-app --wsgi-file /usr/bin/barbican-wsgi-api --die-on-term >>"$folder/uwsgi" 2>&1 </dev/null &
  barbican_pid=$!
  for _ in {1..300}; do
    kill -0 "$barbican_pid" 2>/dev/null || break
    barbican_url=http://$(sed -n 's/.* bound to TCP address \([0-9.:]*\).*/\1/p' "$folder/uwsgi")
    # It answers with 300, a choice of versions.
    curl -s -o /dev/null "$barbican_url" && break
    sleep 0.1
  done
  kill -0 "$barbican_pid" 2>/dev/null || fail "Barbican has not started: $(tail -n 20 "$folder/uwsgi")"
  administer <<END
service create key-manager --name barbican
endpoint create key-manager public $barbican_url --region RegionOne
END
}

configure_barbican() {
  cat <<END
[DEFAULT]
host_href =
log_file = $1/log
use_stderr = false
sql_connection = sqlite:///$1/barbican.db
db_auto_create = true
[simple_crypto_plugin]
kek = $(openssl rand -base64 32)
[keystone_authtoken]
auth_type = password
auth_url = $keystone_url
www_authenticate_uri = $keystone_url
username = barbican
password = barbican
project_name = service
user_domain_name = Default
project_domain_name = Default
END
}

stop_barbican() {
  [[ -n $barbican_pid ]] || return 0
  kill -KILL "$barbican_pid" 2>/dev/null || true
  wait "$barbican_pid" 2>/dev/null || true
  barbican_pid=
}
