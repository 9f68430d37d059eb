# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Credential helpers, as programs."""

# keeps what it is given beside itself, and says who asked
HELPER = """#!/bin/sh
folder="$HOME/kept"
mkdir -p "$folder"
case "$1" in
  get) read -r server; name=$(echo "$server" | tr '/:' '__')
    if [ -e "$folder/$name" ]; then cat "$folder/$name"; else echo 'credentials not found in native keychain'; exit 1; fi;;
  store) cat > "$folder/new"; name=$(sed 's/.*"ServerURL": *"\\([^"]*\\)".*/\\1/' "$folder/new" | tr '/:' '__')
    mv "$folder/new" "$folder/$name"; { id -u; id -G; } > "$folder/.uid"; env > "$folder/.env"; pwd >> "$folder/.env";;
  erase) read -r server; rm -f "$folder/$(echo "$server" | tr '/:' '__')";;
  list) echo '{}';;
esac
"""
# keeps logins in a file beside itself, notes what it is asked, and fails for servers that are called so
HELPER_PROGRAM = """#!/usr/bin/env python3
import json, pathlib, sys
here = pathlib.Path(__file__)
file = here.with_name(here.name + ".json")
kept = json.loads(file.read_text()) if file.exists() else {}
action, given = sys.argv[1], sys.stdin.read()
server = json.loads(given)["ServerURL"] if action == "store" else given
with here.with_name("asked").open("a") as log:
    log.write(f"{action} {server}\\n")
if action in server or "broken" in here.name:
    print("the store is locked")
    sys.exit(1)
if action == "list":
    print(json.dumps({name: one["Username"] for name, one in kept.items()}))
elif action == "get" and given not in kept:
    print("credentials not found in native keychain")
    sys.exit(1)
elif action == "get":
    print(json.dumps(kept[given]))
elif action == "store":
    kept[server] = json.loads(given)
else:
    del kept[given]
file.write_text(json.dumps(kept))
"""
