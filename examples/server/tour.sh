#!/usr/bin/env bash
# Walks every route of a running server with curl and prints method, path, status and answer. It stops at the first status that it does not
# expect, and ends with an error if the server has a route that it has not walked. It makes things named "tour" and removes them.
#
#   server -token a-token-of-20-characters -allow-private -smtp 'smtp://127.0.0.1:2525?tls=none&from=tour@carillon.example' &
#   ./tour.sh http://127.0.0.1:8080/api a-token-of-20-characters
set -euo pipefail
base=${1:?the URL of the API, such as http://127.0.0.1:8080/api} token=${2:?the token of -token}

nothing=01890a5d-ac96-774b-bcce-b302099a8057 # an id that nothing has
answer=$(mktemp) head=$(mktemp) cookies=$(mktemp)
trap 'rm -f "$answer" "$head" "$cookies"' EXIT
declare -A p # what stands for the names in braces
declare -A walked
proof=(-H "Authorization: Bearer $token")
routes=$(curl -sS --fail "$base/job-openapi.json" | grep -oE '"/[^"]*":\{|"(get|post|put|delete)":\{' | awk -F'"' '
  /^"\// { path = $2; next } path { print toupper($2) " " path }')

# step METHOD PATH STATUS [BODY] [curl options]: one request. PATH is that of the document; a query may follow.
step() {
  local method=$1 path=$2 want=$3 body=${4-} route="$1 ${2%%\?*}" name status
  shift $(($# < 4 ? $# : 4))
  if ! grep -qxF "$route" <<<"$routes"; then
    echo "$route  is not on this server"
    return
  fi
  walked[$route]=1
  for name in "${!p[@]}"; do path=${path//"{$name}"/"${p[$name]}"}; done
  local options=(-sS -X "$method" -D "$head" -o "$answer" -w '%{http_code}' "${proof[@]}" "$@")
  [ -z "$body" ] || options+=(-H 'Content-Type: application/json' --data-binary "$body")
  status=$(curl "${options[@]}" "$base$path") || [ $? = 28 ] # 28: --max-time of a stream that never ends
  printf '%s %s  %s\n%.600s\n' "$method" "$path" "$status" "$(head -c 600 "$answer" | tr -d '\0')"
  if [ "$status" != "$want" ]; then
    echo "tour: $method $path gives $status, want $want" >&2
    exit 1
  fi
}

# take NAME KEY: the first value of a key of the last answer stands for {NAME} from now on.
take() {
  p[$1]=$(grep -oE "\"$2\":\"[^\"]*\"" "$answer" | head -1 | cut -d'"' -f4 || true)
}

has() { grep -qxF "$1" <<<"$routes"; }

echo "== the server"
step GET /job-openapi.json 200
step GET /job-health 200
step GET /session 200
step GET /job-drivers 200
p[driverId]=api-call
step GET '/job-drivers/{driverId}' 200
step GET /job-action-drivers 200
attaches=$(grep -oE '"attachments":true' "$answer" | head -1 || true)
p[driverId]=webhook
step GET '/job-action-drivers/{driverId}' 200
step GET /job-attachment-drivers 200
p[driverId]=file
step GET '/job-attachment-drivers/{driverId}' 200
step GET /job-templates 200
p[templateId]=watch-an-api
step GET '/job-templates/{templateId}' 200
step GET /job-workers 200
take workerId id
step GET '/job-workers/{workerId}' 200
step PUT '/job-workers/{workerId}' 200 '{"concurrency": 9}'
step DELETE '/job-workers/{workerId}' 409
step GET /job-limits 200
step PUT /job-limits 200 '{"tenantConcurrency": 10}'
step GET '/job-fire-times?interval=30%205%20*%20*%201-5&timezone=Europe/Berlin&count=3' 200

echo "== a job of a template"
step POST /jobs 201 '{"templateId": "watch-an-api", "name": "Tour of a template", "slug": "tour-template", "enabled": false,
  "inputs": {"url": "'"$base"'/job-openapi.json", "to": "tour@carillon.example"}}'
take id id
step DELETE '/jobs/{id}' 204
step POST /jobs 400 '{"templateId": "watch-an-api", "inputs": {"minutes": "five"}}'

echo "== a job"
step GET '/job-id?name=Tour' 200
step POST /jobs 201 '{"type": "api-call", "name": "Tour", "slug": "tour", "interval": "1 day", "enabled": false, "data": {"url": "'"$base"'/job-openapi.json"},
  "actions": [{"type": "webhook", "name": "Tell", "enabled": false, "data": {"url": "'"$base"'/job-openapi.json"}}]}'
take id id
step GET '/jobs?q=tour' 200
step GET /jobs-list 200
step GET '/jobs/{id}' 200
step PUT '/jobs/{id}' 200 '{"description": "Made by the tour"}'
step GET '/jobs/{id}/fires' 200
step GET '/jobs/{id}/actions' 200
step POST '/jobs/{id}/actions' 201 '{"type": "email", "name": "Mail", "enabled": false,
  "data": {"to": ["tour@carillon.example"], "subject": "Tour", "text": "Hello"}}'
take jobActionId id
step GET '/jobs/{id}/actions/{jobActionId}' 200
step PUT '/jobs/{id}/actions/{jobActionId}' 200 '{"index": 0}'
step POST '/jobs/{id}/actions/{jobActionId}/_preview' 200 '{}'
actions=$(curl -sS "${proof[@]}" "$base/jobs/${p[id]}/actions" | grep -oE '"_links":\{"inf:preview[^}]*\},"self":\{[^}]*\}\},"id":"[^"]*"' | grep -oE '"id":"[^"]*"' | cut -d'"' -f4 | sort | sed 's/.*/"&"/' | paste -sd, -)
step POST '/jobs/{id}/_reorder' 200 "{\"actions\": [$actions]}"

echo "== attachments"
at='/jobs/{id}/actions/{jobActionId}/attachments'
step GET "$at" 200
contents="$at/{jobActionAttachmentId}/action-attachment-file-contents"
if [ -n "$attaches" ]; then
  step POST "$at" 201 '{"type": "file", "name": "count.csv"}'
  take jobActionAttachmentId id
  step GET "$at/{jobActionAttachmentId}" 200
  step PUT "$at/{jobActionAttachmentId}" 200 '{"name": "counts.csv"}'
  step PUT "$contents" 200 '' -H 'Content-Type: text/csv' --data-binary $'sku,count\nA-1,4\n'
  step GET "$contents" 200
  step DELETE "$at/{jobActionAttachmentId}" 204
else # no action of this server takes any
  p[jobActionAttachmentId]=$nothing
  step POST "$at" 400 '{"type": "file", "name": "count.csv"}'
  step GET "$at/{jobActionAttachmentId}" 404
  step PUT "$at/{jobActionAttachmentId}" 404 '{}'
  step PUT "$contents" 404 '' -H 'Content-Type: text/csv' --data-binary 'x'
  step GET "$contents" 404
  step DELETE "$at/{jobActionAttachmentId}" 404
fi
step DELETE '/jobs/{id}/actions/{jobActionId}' 204

echo "== datasets: this server has none"
step GET '/jobs/{id}/datasets' 200
p[alias]=stock p[snapshotId]=$nothing
step POST '/jobs/{id}/datasets' 400 '{"alias": "stock", "datasetId": "main:stock"}'
step GET '/jobs/{id}/datasets/{alias}' 404
step PUT '/jobs/{id}/datasets/{alias}' 404 '{}'
step GET '/jobs/{id}/datasets/{alias}/snapshots' 404
step GET '/jobs/{id}/datasets/{alias}/snapshots/{snapshotId}' 404
step DELETE '/jobs/{id}/datasets/{alias}/snapshots/{snapshotId}' 404
step DELETE '/jobs/{id}/datasets/{alias}' 404
step GET '/jobs/{id}/dataset-permissions' 200

echo "== a draft"
step POST '/jobs/{id}/_edit' 200
step GET '/jobs/{id}/draft' 200
step GET '/jobs/{id}/draft/plan' 200
step GET /job-drafts 200
step POST '/jobs/{id}/_commit' 200 '{}'
if has 'POST /jobs/{id}/draft/_commit'; then
  step POST '/jobs/{id}/_edit' 200
  step POST '/jobs/{id}/draft/_commit' 200 '{}'
  step POST '/jobs/{id}/_edit' 200
  step DELETE '/jobs/{id}/draft' 204
fi
step GET '/jobs/{id}/revisions' 200
p[revision]=1
step GET '/jobs/{id}/revisions/{revision}' 200
step POST '/jobs/{id}/revisions/{revision}/_restore' 200
if has 'DELETE /jobs/{id}/draft'; then step DELETE '/jobs/{id}/draft' 204; fi

echo "== people, tags"
p[principalId]=nina.tour p[username]=nina.tour p[slug]=tour-team
step GET /users 200
step POST /users 201 '{"username": "nina.tour", "displayName": "Nina", "password": "a long password for the tour", "permissions": ["jobs:create"]}'
step GET '/users/{username}' 200
step PUT '/users/{username}' 200 '{"displayName": "Nina of the tour"}'
step PUT '/users/{username}/password' 204 '{"password": "another password for the tour"}'
step GET /teams 200
step POST /teams 201 '{"slug": "tour-team", "name": "Tour"}'
step GET '/teams/{slug}' 200
step PUT '/teams/{slug}' 200 '{"name": "The tour"}'
step PUT '/teams/{slug}/members/{username}' 200 '{"role": "designer"}'
step DELETE '/teams/{slug}/members/{username}' 204
step GET '/jobs/{id}/shares' 200
step PUT '/jobs/{id}/shares/{principalId}' 200 '{"accessLevel": 3}'
step GET '/jobs/{id}/shares/{principalId}' 200
step DELETE '/jobs/{id}/shares/{principalId}' 204
step GET /tags 200
step POST /tags 201 '{"name": "tour", "color": "#2E7D32"}'
take tagId id
step GET '/tags/{tagId}' 200
step PUT '/tags/{tagId}' 200 '{"color": ""}'
step PUT '/jobs/{id}/tags/{tagId}' 200
step GET '/jobs/{id}/tags' 200
step GET '/jobs/{id}/tags/{tagId}' 200
step DELETE '/jobs/{id}/tags/{tagId}' 204
step DELETE '/tags/{tagId}' 204
step PUT '/jobs/{id}/favorite' 204
step DELETE '/jobs/{id}/favorite' 204

echo "== runs"
step POST '/jobs/{id}?wait=60' 200 '{}'
take historyId id
run='/jobs/{id}/history/{historyId}'
step GET '/jobs/{id}/history' 200
step GET "$run" 200
step GET "$run/progress" 200
step GET "$run/progress" 200 '' -H 'Accept: text/event-stream'
step GET "$run/logs" 200
step POST "$run/_cancel" 409
step POST "$run/_retry" 409 '{}'
step POST '/jobs/{id}/_backfill' 200 '{"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "dryRun": true}'
step GET '/jobs/{id}/history-stats' 200
step GET /job-history 200
step GET /job-history-stats 200
step DELETE "$run" 204
step DELETE '/jobs/{id}/history?before=2026-01-01' 204

echo "== everything at a glance"
step GET /job-forecast 200
step GET /job-events 200 '' -N --max-time 2
step GET /job-principals 200
step GET /job-datasets 200
step GET /job-reports 200
step GET /job-libraries 200
step GET /job-audit 200
step GET /job-audit/verify 200
step GET '/jobs/{id}/audit' 200

echo "== the end of the job"
if has 'POST /jobs/{id}/copy'; then
  original=${p[id]}
  step POST '/jobs/{id}/copy' 201 '{"name": "Tour again"}'
  take id id
  step DELETE '/jobs/{id}' 204
  p[id]=$original
fi
step PUT '/jobs/{id}/owner' 200 '{"ownerId": "nina.tour"}'
step DELETE '/jobs/{id}' 204

echo "== a session of a user, who makes a token"
proof=()
p[domain]=local
step POST '/login/{domain}' 200 '{"username": "nina.tour", "password": "another password for the tour"}' -c "$cookies"
proof=(-b "$cookies")
step GET /session 200
step POST /tokens 201 '{"name": "tour"}'
take tokenId id
step GET /tokens 200
step DELETE '/tokens/{tokenId}' 204
step POST /logout 204
proof=(-H "Authorization: Bearer $token")
step DELETE '/users/{username}' 204
step DELETE '/teams/{slug}' 204

left=0
while read -r route; do
  if [ -z "${walked[$route]-}" ]; then
    echo "tour: $route was not walked" >&2
    left=1
  fi
done <<<"$routes"
[ "$left" = 0 ] || exit 1
echo "tour: ${#walked[@]} routes"
