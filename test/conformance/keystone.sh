# Sourced after server.sh by the suites that ask who is calling: a real Keystone of Debian's packages, on a free port.
# Every user's password is the user's name.

source "$(dirname "${BASH_SOURCE[0]}")/wsgi.sh"

keystone_folder=
keystone_url=
keystone_pid=

# start_keystone FOLDER: sets keystone_url. Then there are "admin" of the project "admin", and the service's own user
# "glance", who may do no more than look at tokens.
start_keystone() {
  keystone_folder=$1
  mkdir -p "$keystone_folder/keys"
  chmod 700 "$keystone_folder/keys"
  configure_keystone >"$keystone_folder/keystone.conf"
  manage_keystone db_sync
  manage_keystone fernet_setup --keystone-user "$(id -un)" --keystone-group "$(id -gn)"
  run_keystone
  manage_keystone bootstrap --bootstrap-username admin --bootstrap-password admin \
    --bootstrap-project-name admin --bootstrap-region-id RegionOne \
    --bootstrap-public-url "$keystone_url/v3" --bootstrap-internal-url "$keystone_url/v3"
  administer <<'END'
project create service
role create service --or-show
user create glance --password glance
role add service --user glance --project service
END
}

# One process, so what it remembers in memory is never out of date; without that each request takes ten times as long.
configure_keystone() {
  cat <<END
[DEFAULT]
log_file = $keystone_folder/log
use_stderr = false
[database]
connection = sqlite:///$keystone_folder/keystone.db
[fernet_tokens]
key_repository = $keystone_folder/keys
[identity]
password_hash_rounds = 4
[cache]
enabled = true
backend = dogpile.cache.memory
END
}

manage_keystone() {
  timeout 120 /usr/bin/keystone-manage --config-file "$keystone_folder/keystone.conf" "$@" \
    >"$keystone_folder/manage" 2>&1 ||
    fail "keystone-manage $1: $(tail -n 20 "$keystone_folder/manage")"
}

# run_keystone: also starts it again, where it was before stop_keystone.
run_keystone() {
  OS_KEYSTONE_CONFIG_FILES=$keystone_folder/keystone.conf \
    run_wsgi keystone /usr/bin/keystone-wsgi-public "$keystone_folder/uwsgi" /v3 "${keystone_url#http://}"
}

stop_keystone() {
  stop_wsgi keystone
}

# start_known_server FOLDER [OPTION=VALUE...]: start_server with callers that Keystone knows, and who find it through
# Keystone's catalogue.
start_known_server() {
  start_server_of_keystone "$@"
  register_server image
}

start_server_of_keystone() {
  start_server "$1" \
    HELIOSTAT_PASTE_DEPLOY__FLAVOR=keystone \
    HELIOSTAT_KEYSTONE_AUTHTOKEN__AUTH_URL="$keystone_url" \
    HELIOSTAT_KEYSTONE_AUTHTOKEN__WWW_AUTHENTICATE_URI="$keystone_url" \
    HELIOSTAT_KEYSTONE_AUTHTOKEN__USERNAME=glance \
    HELIOSTAT_KEYSTONE_AUTHTOKEN__PASSWORD=glance \
    HELIOSTAT_KEYSTONE_AUTHTOKEN__PROJECT_NAME=service \
    HELIOSTAT_KEYSTONE_AUTHTOKEN__USER_DOMAIN_NAME=Default \
    HELIOSTAT_KEYSTONE_AUTHTOKEN__PROJECT_DOMAIN_NAME=Default \
    "${@:2}"
}

# register_server TYPE: what was started last becomes the service of that type.
register_server() {
  administer <<END
service create $1 --name $1
endpoint create $1 public $url --region RegionOne
END
}

# register_endpoint TYPE REGION: what was started last is such a service in another region.
register_endpoint() {
  administer <<END
endpoint create $1 public $url --region $2
END
}

# administer <COMMANDS: what "openstack" is to do as admin, one command a line, all with one token. It ends well
# whatever happens, so every complaint is an error.
administer() {
  by admin admin openstack >"$keystone_folder/administered" 2>"$keystone_folder/complaints"
  [[ ! -s $keystone_folder/complaints ]] || fail "openstack: $(<"$keystone_folder/complaints")"
}

# by USER PROJECT COMMAND...: within $patience seconds.
by() {
  env OS_AUTH_URL="$keystone_url/v3" OS_IDENTITY_API_VERSION=3 OS_IMAGE_API_VERSION=2 OS_REGION_NAME=RegionOne \
    OS_USERNAME="$1" OS_PASSWORD="$1" OS_PROJECT_NAME="$2" \
    OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default \
    timeout "${patience:-120}" "${@:3}"
}
