#!/usr/bin/env bash
# nginx on 127.0.0.1 as a store of files: http.sh start|stop FOLDER
#   start  serves FOLDER/files under /files/, without ranges under /whole/; /moved/ and /inside/ redirect to the files
#          and to a private address
#   stop   ends it and removes the folder
# $HTTP_PORT is its port.
set -euo pipefail

port=${HTTP_PORT:-26980}
command=${1:?start or stop}
folder=$(realpath -m "${2:?folder}")

start() {
  [[ -e $folder/nginx.pid ]] && return
  mkdir -p "$folder/files"
  cat >"$folder/nginx.conf" <<END
user $(id -un) $(id -gn);
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log;
events {}
http {
  access_log off;
  sendfile on;
  client_body_temp_path $folder/body;
  proxy_temp_path $folder/proxy;
  fastcgi_temp_path $folder/fastcgi;
  uwsgi_temp_path $folder/uwsgi;
  scgi_temp_path $folder/scgi;
  server {
    listen 127.0.0.1:$port;
    location /files/ { root $folder; }
    location /whole/ { alias $folder/files/; max_ranges 0; }
    location ~ ^/moved/(.*) { return 302 /files/\$1; }
    location /inside/ { return 302 http://169.254.169.254/latest/meta-data/; }
  }
}
END
  nginx -e "$folder/error.log" -c "$folder/nginx.conf"
}

stop() {
  [[ -e $folder/nginx.pid ]] && kill "$(cat "$folder/nginx.pid")"
  for _ in $(seq 50); do
    [[ -e $folder/nginx.pid ]] || break
    sleep 0.1
  done
  rm -rf "$folder"
}

case $command in
  start | stop) "$command" ;;
  *) echo "http.sh: $command: wanted start or stop" >&2; exit 1 ;;
esac
