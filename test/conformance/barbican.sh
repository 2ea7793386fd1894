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
  configure_barbican "$folder" >"$HOME/.barbican/barbican.conf"
  run_wsgi barbican /usr/bin/barbican-wsgi-api "$folder/uwsgi" /
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
  stop_wsgi barbican
}
