# shellcheck shell=bash
# For scripts that start the daemons of a store, each of which has written its pid to FOLDER/run/NAME.pid.

# end_daemons FOLDER: ends them all and removes the folder.
end_daemons() {
  local pids=() file
  for file in "$1"/run/*.pid; do
    [[ ! -s $file ]] || pids+=("$(<"$file")")
  done
  # Whoever asks for it wants nothing of it any more, and one that was stopped by a signal hears no other.
  ((${#pids[@]} == 0)) || kill -KILL "${pids[@]}" 2>/dev/null || true
  rm -rf "$1"
}
