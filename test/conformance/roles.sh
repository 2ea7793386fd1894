#!/usr/bin/env bash
# Who may do what: users with different roles in two projects of a real Keystone, with Debian's clients and curl.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"
source "$(dirname "${BASH_SOURCE[0]}")/keystone.sh"

work=$(mktemp -d)
wrong=()
declare -A token project project_id

finish() {
  local status=$?
  ((status == 0)) || report >&2
  stop_server
  stop_keystone
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT

main() {
  settle_environment
  echo '== starting Keystone and the service'
  start_keystone "$work/keystone"
  create_accounts
  start_known_server "$work/site"
  log_everyone_in
  list_with_filters
  share_with_another_project
  show_to_the_community
  hide
  set_awkward_properties
  ask_for_everything
  refuse_strangers
  survive_the_loss_of_keystone
  ((${#wrong[@]} == 0)) || fail "${#wrong[@]} checks"
  echo '== All checks passed'
}

report() {
  echo '== what the service has logged, and what went wrong'
  grep -v heliostat.access "$work/site/log" | tail -n 20 || true
  printf '   %s\n' "${wrong[@]}"
}

# -- the users

# Keystone adds "reader" to every "member" by itself; not here, so that mona has only the one.
create_accounts() {
  administer <<'END'
implied role delete member --implied-role reader
role create auditor
project create demo
project create elsewhere
user create alice --password alice
user create bob --password bob
user create carol --password carol
user create mona --password mona
user create otto --password otto
role add member --user alice --project demo
role add reader --user alice --project demo
role add reader --user bob --project demo
role add member --user mona --project demo
role add auditor --user otto --project demo
role add member --user carol --project elsewhere
role add reader --user carol --project elsewhere
role add admin --user admin --domain default
END
}

log_everyone_in() {
  log_in admin admin
  log_in alice demo
  log_in bob demo
  log_in mona demo
  log_in otto demo
  log_in carol elsewhere
  token[nobody]=
  token[system]=$(issue_token admin '{"system": {"all": true}}')
  token[domain]=$(issue_token admin '{"domain": {"id": "default"}}')
  token[unscoped]=$(issue_token alice '"unscoped"')
}

# log_in USER PROJECT
log_in() {
  project[$1]=$2
  token[$1]=$(issue_token "$1" '{"project": {"name": "'"$2"'", "domain": {"id": "default"}}}')
  project_id[$2]=$(field token project id <"$work/issued")
}

# issue_token USER SCOPE
issue_token() {
  curl -sSf --max-time 60 -D "$work/issued.head" -o "$work/issued" -H 'Content-Type: application/json' \
    "$keystone_url/v3/auth/tokens" -d '{"auth": {"scope": '"$2"', "identity": {"methods": ["password"],
      "password": {"user": {"name": "'"$1"'", "password": "'"$1"'", "domain": {"id": "default"}}}}}}'
  tr -d '\r' <"$work/issued.head" | sed -n 's/^X-Subject-Token: //p'
}

# -- what is checked: USER, what is wanted, and a command of the client

# check WHAT WANTED GOT
check() {
  if [[ $2 == "$3" ]]; then
    echo "   $1: $3"
  else
    wrong+=("$1: \"$3\", wanted \"$2\"")
    echo "   WRONG ${wrong[-1]}"
  fi
}

# client USER COMMAND...: prints everything in one line, with single spaces.
client() {
  by "$1" "${project[$1]}" "${@:2}" 2>&1 | tr -s ' \n' ' '
}

# prints USER WANTED COMMAND...
prints() {
  local printed
  printed=$(client "$1" "${@:3}") || printed="failed: $printed"
  check "$1: ${*:3}" "$2" "${printed% }"
}

# lists USER NAMES OPTION...: of "openstack image list", which sorts by name if it is not told otherwise.
lists() {
  local printed
  printed=$(client "$1" openstack image list "${@:3}" -f value -c Name) || printed="failed: $printed"
  check "$1: openstack image list${3:+ ${*:3}}" "$2" "${printed% }"
}

# sees USER TEXT COMMAND...: among other words.
sees() {
  local printed
  printed=$(client "$1" "${@:3}") || printed="failed: $printed"
  [[ $printed != *"$2"* || $printed == failed:* ]] || printed=$2
  check "$1: ${*:3}" "$2" "$printed"
}

# does USER COMMAND...
does() {
  local printed
  printed=$(client "$@") && printed=ok
  check "$1: ${*:2}" ok "$printed"
}

# refused USER TEXT COMMAND...
refused() {
  local printed
  if printed=$(client "$1" "${@:3}"); then
    printed="allowed: $printed"
  elif [[ $printed == *"$2"* ]]; then
    printed=$2
  fi
  check "$1: ${*:3}" "$2" "$printed"
}

# ask USER METHOD PATH [CURL-OPTION...]: prints the status; the answer is in answer and answer.head.
ask() {
  curl -sS --max-time 60 -o "$work/answer" -D "$work/answer.head" -w '%{http_code}\n' -X "$2" \
    -H "X-Auth-Token: ${token[$1]}" "$url/v2/images$3" "${@:4}"
}

# create USER JSON: sets id.
create() {
  expect "$1 creates $2" 201 "$(ask "$1" POST '' -d "$2")"
  id=$(field id <"$work/answer")
}

# fill USER ID
fill() {
  ask "$1" PUT "/$2/file" -H 'Content-Type: application/octet-stream' --data-binary @/usr/share/common-licenses/GPL-3
}

# -- the steps

list_with_filters() {
  echo '== lists and filters'
  local raw='"disk_format": "raw", "container_format": "bare"'
  does alice openstack image create alpha --file /usr/share/common-licenses/GPL-3 --disk-format raw \
    --container-format bare --private --tag stable --tag 'läst ønë' --property os_distro=debian
  create alice '{"name": "beta", "visibility": "shared", "tags": ["stable"], '"$raw"'}'
  beta=$id
  check 'upload of beta' 204 "$(fill alice "$beta")"
  create alice '{"name": "gamma", "visibility": "private", "os_distro": "arch linux", '"$raw"'}'
  gamma=$id
  create admin '{"name": "delta", "visibility": "public", '"$raw"'}'

  prints alice "${project_id[demo]}" openstack image show alpha -f value -c owner
  lists alice 'alpha beta delta gamma'
  lists bob 'alpha beta delta gamma'
  lists carol 'delta'
  lists admin 'alpha beta delta gamma'
  lists admin 'alpha beta gamma' --project demo
  lists alice 'alpha' --name alpha
  lists alice '' --name alph
  lists alice 'alpha beta' --status active
  lists alice 'delta gamma' --status queued
  lists alice 'alpha beta' --tag stable
  lists alice 'alpha' --tag stable --tag 'läst ønë'
  lists alice 'gamma' --property 'os_distro=arch linux'
  lists alice 'delta' --public
  lists alice 'alpha gamma' --private
  lists alice 'beta' --shared
  lists alice '' --community
  lists alice 'gamma delta beta alpha' --sort name:desc
  local order
  mapfile -t order < <(ask alice GET '' >"$work/status" && node -p \
    'JSON.parse(fs.readFileSync(0, "utf8")).images.map((image) => image.name).join("\n")' <"$work/answer")
  lists alice "$(in_order "${order[@]:0:3}")" --limit 3
  lists alice "$(in_order "${order[@]:3}")" --limit 3 --marker "${order[2]}"
  prints alice 'alpha raw bare 35149 active private False' openstack image list --long --name alpha \
    -f value -c Name -c 'Disk Format' -c 'Container Format' -c Size -c Status -c Visibility -c Protected
  sees alice "| $gamma | gamma | +" glance image-list --property-filter 'os_distro=arch linux'
  sees alice "| delta | | $beta | beta |" glance image-list --sort name:desc --page-size 1
}

in_order() {
  printf '%s\n' "$@" | sort | paste -sd ' '
}

share_with_another_project() {
  echo '== an image that is shared with another project'
  local elsewhere=${project_id[elsewhere]}
  refused carol 'No Image found' openstack image show "$beta"
  prints alice "$beta $elsewhere pending" openstack image add project beta "$elsewhere" \
    -f value -c image_id -c member_id -c status
  refused alice 'Conflict' openstack image add project beta "$elsewhere"
  sees alice "| $beta | $elsewhere | pending |" glance member-list --image-id "$beta"
  lists carol 'delta'
  lists carol 'beta' --shared --member-status pending
  prints carol beta openstack image show "$beta" -f value -c name
  refused alice '404' openstack image set --accept beta
  does carol openstack image set --accept "$beta"
  lists carol 'beta delta'
  sees carol "| $beta | $elsewhere | accepted |" glance member-list --image-id "$beta"
  does carol openstack image save beta --file "$work/saved"
  check 'what carol has saved' '' "$(cmp "$work/saved" /usr/share/common-licenses/GPL-3 2>&1)"
  refused carol '403' openstack image set beta --name mine
  refused carol '403' openstack image delete beta
  does carol openstack image set --reject "$beta"
  lists carol 'delta'
  prints alice "$elsewhere rejected" openstack image member list beta -f value -c 'Member ID' -c Status
  does alice openstack image remove project beta "$elsewhere"
  prints alice '' openstack image member list beta -f value
  refused carol 'No Image found' openstack image show "$beta"
}

show_to_the_community() {
  echo '== an image for the community'
  does alice openstack image set gamma --community
  lists carol 'delta'
  lists carol 'gamma' --community
  prints carol gamma openstack image show "$gamma" -f value -c name
  lists alice 'gamma' --community
  lists bob 'alpha beta delta gamma'
  refused alice '403' openstack image set gamma --public
  does admin openstack image set "$gamma" --public
  lists carol 'delta gamma'
}

hide() {
  echo '== a hidden image'
  does alice openstack image set gamma --hidden
  lists alice 'alpha beta delta'
  lists carol 'gamma' --hidden
  prints carol gamma openstack image show gamma -f value -c name
  does alice openstack image set gamma --unhidden
  lists carol 'delta gamma'
}

set_awkward_properties() {
  echo '== properties that need escaping'
  local properties=('words=two words' "quotes=it's \"so\"" 'equation=a=b = c' 'unicode=ünïcödé ☃'
    'ünï=code' 'a/slash=1' 'a~tilde=2' '~1both~0/=~1/~0' 'empty=') options=() property
  for property in "${properties[@]}"; do
    options+=(--property "$property")
  done
  does alice openstack image set alpha "${options[@]}"
  client alice openstack image show alpha -f json >"$work/shown"
  for property in "${properties[@]}"; do
    check "alice: property ${property%%=*}" "${property#*=}" "$(field properties "${property%%=*}" <"$work/shown")"
  done
  does alice openstack image unset alpha --tag 'läst ønë' --property a/slash --property a~tilde --property '~1both~0/'
  client alice openstack image show alpha -f json >"$work/shown"
  check 'alice: tags' '["stable"]' "$(field tags <"$work/shown")"
  check 'alice: property empty' '' "$(field properties empty <"$work/shown")"
  for property in a/slash a~tilde '~1both~0/'; do
    check "alice: property $property" undefined "$(field properties "$property" <"$work/shown")"
  done
}

# Each line: who asks for an image of alice's project with this visibility ("member": shared with carol's project), and
# the status of each request in turn.
ask_for_everything() {
  echo '== statuses: list show create patch tag upload download members share deactivate delete'
  local user visibility wanted
  while read -r user visibility wanted; do
    create_two "$visibility"
    check "$user, $visibility" "$wanted" "$(
      for action in list show create patch tag upload download members share deactivate delete; do
        request "$user" "$action"
      done | paste -sd ' ')"
  done <<'END'
admin    shared    200 200 201 200 204 204 200 200 200 204 204
alice    shared    200 200 201 200 204 204 200 200 200 204 204
bob      shared    200 200 403 403 403 403 403 200 403 403 403
mona     shared    403 404 201 200 204 204 200 404 404 204 204
otto     shared    403 404 403 404 404 404 404 404 404 404 404
carol    shared    200 404 201 404 404 404 404 404 404 404 404
carol    private   200 404 201 404 404 404 404 404 404 404 404
carol    member    200 200 201 403 403 403 200 200 403 403 403
carol    community 200 200 201 403 403 403 200 403 403 403 403
carol    public    200 200 201 403 403 403 200 403 403 403 403
alice    public    200 200 201 200 204 204 200 403 403 204 204
bob      public    200 200 403 403 403 403 403 403 403 403 403
system   shared    403 404 403 404 404 404 404 404 404 404 404
domain   shared    403 404 403 404 404 404 404 404 404 404 404
unscoped shared    403 404 403 404 404 404 404 404 404 404 404
nobody   public    401 401 401 401 401 401 401 401 401 401 401
END
}

# create_two VISIBILITY: sets queued and active.
create_two() {
  local body='{"disk_format": "raw", "container_format": "bare", "visibility": "'${1/member/shared}'",
    "owner": "'${project_id[demo]}'"}'
  create admin "$body"
  queued=$id
  create admin "$body"
  active=$id
  expect "upload to $active" 204 "$(fill admin "$active")"
  [[ $1 == member ]] || return 0
  for id in "$queued" "$active"; do
    expect "sharing $id" 200 \
      "$(ask admin POST "/$id/members" -d '{"member": "'"${project_id[elsewhere]}"'"}')"
  done
}

# request USER ACTION
request() {
  case $2 in
    list) ask "$1" GET '' ;;
    show) ask "$1" GET "/$active" ;;
    create) ask "$1" POST '' -d '{}' ;;
    patch) ask "$1" PATCH "/$active" -H 'Content-Type: application/openstack-images-v2.1-json-patch' \
      -d '[{"op": "replace", "path": "/name", "value": "patched"}]' ;;
    tag) ask "$1" PUT "/$active/tags/tagged" ;;
    upload) fill "$1" "$queued" ;;
    download) ask "$1" GET "/$active/file" ;;
    members) ask "$1" GET "/$active/members" ;;
    share) ask "$1" POST "/$active/members" -d '{"member": "someone"}' ;;
    deactivate) ask "$1" POST "/$active/actions/deactivate" ;;
    delete) ask "$1" DELETE "/$active" ;;
  esac
}

refuse_strangers() {
  echo '== wrong passwords and forged tokens'
  refused alice '401' env OS_PASSWORD=wrong openstack image list
  token[forged]=gAAAAABnot-of-this-keystone
  for user in nobody forged; do
    check "status for $user" 401 "$(ask $user GET '')"
    check "header for $user" "Keystone uri=\"$keystone_url\"" "$(header WWW-Authenticate)"
  done
}

# header NAME: of the last answer.
header() {
  tr -d '\r' <"$work/answer.head" | sed -n "s/^$1: //Ip"
}

survive_the_loss_of_keystone() {
  echo '== without Keystone'
  token[late]=$(issue_token alice '{"project": {"name": "demo", "domain": {"id": "default"}}}')
  stop_keystone
  check 'a remembered token' 200 "$(ask alice GET '')"
  check 'a token that was never shown before' 503 "$(ask late GET '')"
  local pause
  pause=$(header Retry-After)
  check 'nobody' 401 "$(ask nobody GET '')"
  run_keystone
  sleep "$pause"
  check 'the token again, with Keystone' 200 "$(ask late GET '')"
  lists alice 'alpha' --name alpha
}

main
