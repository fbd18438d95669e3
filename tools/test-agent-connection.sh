#!/usr/bin/env bash
# Walks an agent through a running AIWM with curl alone, from login to clean-up, and stops at the first failure.
#
#   AIWM_ADMIN_PASSWORD=… tools/test-agent-connection.sh [base address, default http://127.0.0.1:3305]
#
# AIWM_ADMIN_EMAIL (default admin@localhost) names the administrator. What it makes it deletes again, also after a failure.
set -euo pipefail

base="${1:-${AIWM_BASE_URL:-http://127.0.0.1:3305}}"
base="${base%/}"
email="${AIWM_ADMIN_EMAIL:-admin@localhost}"
password="${AIWM_ADMIN_PASSWORD:-}"

if [[ "$base" == -* ]]; then
  sed -n '2,6s/^# \{0,1\}//p' "$0"
  exit 2
fi
if ! command -v curl > /dev/null; then
  echo 'curl is missing; install it first' >&2
  exit 2
fi
if [[ -z "$password" ]]; then
  echo "AIWM_ADMIN_PASSWORD is missing; it was shown at the first start, and 'npm start' keeps it in stack.json" >&2
  exit 2
fi

work="$(mktemp -d)"
user_token=''
agent_token=''
created=()
step_number=0

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

step() {
  step_number=$((step_number + 1))
  printf '%2d. %s\n' "$step_number" "$1"
}

# A text as the inside of a JSON string.
json_text() {
  local text="$1"
  text="${text//\\/\\\\}"
  text="${text//\"/\\\"}"
  printf '%s' "$text"
}

# request METHOD PATH BODY TOKEN: the status lands in $status, the answer in $work/body, its headers in $work/headers.
# Credentials and bodies go through files, so that no process list shows them.
request() {
  local method="$1" path="$2" body="$3" token="$4"
  {
    printf 'X-Correlation-Id: test-agent-connection-%s\n' "$step_number"
    if [[ -n "$token" ]]; then printf 'Authorization: Bearer %s\n' "$token"; fi
    if [[ -n "$body" ]]; then printf 'Content-Type: application/json\n'; fi
  } > "$work/request-headers"
  local options=(--silent --show-error --max-time 10 --request "$method" --header "@$work/request-headers"
    --output "$work/body" --dump-header "$work/headers" --write-out '%{http_code}')
  if [[ -n "$body" ]]; then
    printf '%s' "$body" > "$work/request-body"
    options+=(--data-binary "@$work/request-body")
  fi
  : > "$work/body"
  if ! status="$(curl "${options[@]}" "$base$path" 2> "$work/curl-error")"; then
    fail "$method $path: $(cat "$work/curl-error")"
  fi
}

# expect STATUS METHOD PATH [BODY] [TOKEN]
expect() {
  local wanted="$1"
  request "$2" "$3" "${4:-}" "${5:-}"
  if [[ "$status" != "$wanted" ]]; then
    fail "$2 $3 answered $status instead of $wanted: $(head -c 500 "$work/body")"
  fi
}

# The first text field of that name in the last answer.
field() {
  local found
  found="$(grep -o "\"$1\":\"[^\"]*\"" "$work/body" | head -n 1 || true)"
  [[ -n "$found" ]] || fail "the answer has no text field $1"
  found="${found#*:\"}"
  printf '%s' "${found%\"}"
}

# has TEXT: the last answer holds exactly this.
has() {
  grep -qF -- "$1" "$work/body" || fail "the answer does not hold $1"
}

# make COLLECTION BODY: creates, remembers for the clean-up, leaves the id in $made.
make() {
  expect 201 POST "/$1" "$2" "$user_token"
  made="$(field _id)"
  created=("/$1/$made" "${created[@]}")
  echo "    $1/$made"
}

remove_all() {
  local path
  for path in "${created[@]}"; do
    request DELETE "$path" '' "$user_token"
    if [[ "$status" != 200 ]]; then fail "DELETE $path answered $status"; fi
  done
  created=()
}

finish() {
  local code=$?
  trap - EXIT
  if [[ ${#created[@]} -gt 0 ]]; then
    echo 'Cleaning up…' >&2
    (remove_all) || true
  fi
  rm -rf "$work"
  if [[ $code -ne 0 ]]; then echo "Stopped at step $step_number ($base)." >&2; fi
  exit "$code"
}
trap finish EXIT

step "AIWM answers at $base"
expect 200 GET /health

step "Log in as $email"
expect 200 POST /auth/login "{\"username\":\"$(json_text "$email")\",\"password\":\"$(json_text "$password")\"}"
user_token="$(field accessToken)"

step 'Create an instruction'
make instructions '{"name":"Connection test","systemPrompt":"You are a helpful AI assistant.","guidelines":["Be polite","Be accurate"]}'
instruction="$made"

step 'Create two tools'
schema='"schema":{"inputSchema":{"type":"object"},"outputSchema":{"type":"object"}}'
make tools "{\"name\":\"connection-test-read\",\"type\":\"builtin\",\"description\":\"Reads files\",\"category\":\"productivity\",$schema}"
first_tool="$made"
make tools "{\"name\":\"connection-test-list\",\"type\":\"builtin\",\"description\":\"Lists files\",\"category\":\"system\",$schema}"
second_tool="$made"

step 'Create a node'
make nodes '{"name":"connection-test-node","role":["worker"]}'
node="$made"

step 'Create an agent with settings that refers to them'
make agents "{\"name\":\"Connection test\",\"instructionId\":\"$instruction\",\"allowedToolIds\":[\"$first_tool\",\"$second_tool\"],\"nodeId\":\"$node\",\"settings\":{\"maxTurns\":10,\"resume\":false}}"
agent="$made"
has '"connectionStatus":"never_connected"'

step 'Make its secret, environment file and install script'
expect 200 POST "/agents/$agent/credentials/regenerate" '{}' "$user_token"
secret="$(field secret)"
[[ "$secret" =~ ^[0-9a-f]{64}$ ]] || fail 'the secret is not 64 hex digits'
has "AIWM_AGENT_ID=$agent"
has 'CLAUDE_RESUME=false'
has '#!/bin/bash'

step 'A wrong secret is refused'
expect 401 POST "/agents/$agent/connect" '{"secret":"wrong"}'

step 'Connect: a token and the configuration'
expect 200 POST "/agents/$agent/connect" "{\"secret\":\"$secret\"}"
agent_token="$(field token)"
has '"instruction":"You are a helpful AI assistant.\n\n## Guidelines\n1. Be polite\n2. Be accurate"'
has '"name":"connection-test-read"'
has '"name":"connection-test-list"'
has '"maxTurns":10'
has '"resume":false'
grep -qi '^x-heartbeat-interval: [0-9]' "$work/headers" || fail 'the answer has no X-Heartbeat-Interval'

step 'Send a heartbeat'
expect 200 POST "/agents/$agent/heartbeat" '{"status":"busy","metrics":{"cpu":12.5}}' "$agent_token"
has '{"success":true}'
expect 401 POST "/agents/$agent/heartbeat" '{"status":"busy"}'

step 'The agent is shown as busy'
# Another replica may take a second to hear of it.
for attempt in 1 2 3 4 5; do
  expect 200 GET "/agents/$agent" '' "$user_token"
  if grep -qF '"connectionStatus":"busy"' "$work/body" || [[ $attempt -eq 5 ]]; then break; fi
  sleep 0.5
done
has '"connectionStatus":"busy"'
has '"connectionCount":1'
has '"cpu":12.5'

step 'Disconnect: the agent is shown as offline'
expect 200 POST "/agents/$agent/disconnect" '{"reason":"test over"}' "$agent_token"
for attempt in 1 2 3 4 5; do
  expect 200 GET "/agents/$agent" '' "$user_token"
  if grep -qF '"connectionStatus":"offline"' "$work/body" || [[ $attempt -eq 5 ]]; then break; fi
  sleep 0.5
done
has '"connectionStatus":"offline"'

step 'Clean up, and the deleted agent is told so'
remove_all
expect 404 POST "/agents/$agent/heartbeat" '{"status":"online"}' "$agent_token"
expect 404 GET "/agents/$agent" '' "$user_token"

echo "All $step_number steps worked."
