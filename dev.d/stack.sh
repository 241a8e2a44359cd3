# up, down and what goes with them: the whole control plane in one background process.

cmd_up() {
    local port="" workers=0
    while [ $# -gt 0 ]; do
        case "$1" in
            --port) port="${2:?--port needs a number}"; shift 2 ;;
            --workers) workers="${2:?--workers needs a number}"; shift 2 ;;
            *) fail "up does not know '$1'" 2 ;;
        esac
    done
    up controlplane "$port" "$workers"
    say ""
    say "The control plane answers at $(run_value endpoint)"
    say "  token:        ./dev token"
    say "  command line: ./dev cpctl --help"
    say "  stop:         ./dev down"
}

run_value() { [ -s "$RUN_FILE" ] && json ".$1 // empty" "$RUN_FILE"; }

host_is_ready() { curl -fsS --max-time 2 --cacert "$TLS_DIR/ca.pem" "$1/readyz" >/dev/null 2>&1; }

# up DATABASE PORT WORKERS: idempotent; a second caller waits for the first
up() {
    local database="$1" port="$2" workers="$3" connection endpoint host_pid
    need certificates curl jq openssl runuser
    ensure_local
    exec 9>"$LOCAL/lock"
    flock 9
    if is_up && is_current && [ "$workers" = 0 ]; then
        endpoint="$(run_value endpoint)"
        [ -z "$port" ] || [ "$endpoint" = "https://127.0.0.1:$port" ] || fail "already up at $endpoint; ./dev down first"
        step "already up at $endpoint"
        exec 9>&-
        return
    fi
    build_product
    stop_stack
    ensure_secrets
    if [ -n "${CONTROLPLANE_POSTGRES:-}" ]; then
        connection="$CONTROLPLANE_POSTGRES"
        step "PostgreSQL: the one CONTROLPLANE_POSTGRES names"
    else
        need postgresql
        pg_start postgres 25432
        case "$database" in demo|bench) pg_fresh_database "$database" ;; *) pg_ensure_database "$database" ;; esac
        connection="$(pg_connection "$database")"
        ln -sfn "$(pg_home postgres)/server.log" "$LOCAL/log/postgres.log"
        step "PostgreSQL on port $PG_PORT, database $database"
    fi
    [ "$workers" = 0 ] || { rabbit_start; step "RabbitMQ"; }
    # The port of last time, so that addresses people wrote down stay good.
    [ -n "$port" ] || port="$(free_port "$(cat "$LOCAL/port" 2>/dev/null || echo 8443)")"
    port_is_free "$port" || fail "port $port is taken"
    echo "$port" >"$LOCAL/port"
    endpoint="https://127.0.0.1:$port"
    export_settings "$connection" "$endpoint"
    host_pid="$(start_host)"
    write_run_file "$endpoint" "$connection" "$database" "$host_pid"
    if ! wait_until 90 host_is_ready_or_dead "$endpoint" "$host_pid" || ! is_ours "$host_pid" "$HOST_DLL"; then
        show_reasons "$LOCAL/log/host.log"
        stop_stack
        fail "the control plane does not become ready (.local/log/host.log)"
    fi
    touch "$LOCAL/started"
    step "control plane at $endpoint"
    start_workers "$workers"
    exec 9>&-
}

# A stack trace is longer than its reason: what went wrong first, or else the end.
show_reasons() {
    grep -E -A 2 -m 5 'Unhandled exception|^(crit|fail):|MessageText:|---> ' "$1" | cut -c1-400 >&2 || tail -n 30 "$1" >&2
}

host_is_ready_or_dead() { host_is_ready "$1" || ! is_ours "$2" "$HOST_DLL"; }

# What runs was built from the sources as they are.
is_current() { product_is_built && [ ! "$LOCAL/build-product.stamp" -nt "$LOCAL/started" ]; }

is_up() { is_ours "$(run_value pids.host)" "$HOST_DLL" && host_is_ready "$(run_value endpoint)"; }

# The host's whole configuration; nothing is read from a file of the developer's.
export_settings() {
    export ConnectionStrings__postgres="$1"
    export Identity__TenantId="$(identity tenantId)"
    export Identity__Bootstrap__ClientId="$(identity clientId)"
    export Identity__Bootstrap__ClientSecret="$(identity clientSecret)"
    export Identity__Bootstrap__SubscriptionId="$(identity subscriptionId)"
    export Encryption__KeyFile="$KEK_FILE"
    export BareMetal__ManagementNetworks__0=127.0.0.0/8
    export Provisioning__ArtifactsPath="$ARTIFACTS_DIR"
    export Provisioning__PublicUri="$2"
    export Locations__0=westeurope Locations__1=local Locations__2=southeastasia
    unset RabbitMq__Uri
    [ -z "${RABBIT_URI:-}" ] || export RabbitMq__Uri="$RABBIT_URI"
}

start_host() (
    cd "$(dirname "$HOST_DLL")"
    export Kestrel__Endpoints__Https__Url="$Provisioning__PublicUri"
    export Kestrel__Endpoints__Https__Certificate__Path="$TLS_DIR/server.pem"
    export Kestrel__Endpoints__Https__Certificate__KeyPath="$TLS_DIR/server.key"
    : >"$LOCAL/log/host.log"
    start_process "$LOCAL/log/host.log" dotnet "$HOST_DLL"
)

start_workers() {
    local n pid
    for ((n = 1; n <= $1; n++)); do
        pid="$(cd "$(dirname "$WORKER_DLL")" && ASPNETCORE_URLS=http://127.0.0.1:0 start_process "$LOCAL/log/worker-$n.log" dotnet "$WORKER_DLL")"
        record_pid "worker-$n" "$pid"
        step "worker $n (process $pid)"
    done
}

write_run_file() {
    (umask 077 && jq --arg endpoint "$1" --arg postgres "$2" --arg database "$3" --argjson host "$4" \
        --arg caFile "$TLS_DIR/ca.pem" --argjson server "$(pg_server_pid)" --argjson broker "${RABBIT_PID:-null}" \
        '. + {endpoint: $endpoint, caFile: $caFile, location: "westeurope", postgres: $postgres, database: $database,
              pids: ({host: $host, postgres: $server, rabbitmq: $broker} | with_entries(select(.value)))}' \
        "$IDENTITY_FILE" >"$RUN_FILE.new")
    mv "$RUN_FILE.new" "$RUN_FILE"
}

pg_server_pid() { if [ -z "${CONTROLPLANE_POSTGRES:-}" ]; then pg_pid postgres; else echo null; fi; }

# record_pid NAME PID [EXTRA_JSON]: EXTRA is merged into the run file
record_pid() {
    (umask 077 && jq --arg name "$1" --argjson pid "$2" --argjson extra "${3:-{\}}" '. + $extra | .pids[$name] = $pid' "$RUN_FILE" >"$RUN_FILE.new")
    mv "$RUN_FILE.new" "$RUN_FILE"
}

# Everything but the database server.
stop_stack() {
    local name pid
    [ -s "$RUN_FILE" ] || return 0
    while read -r name pid; do
        case "$name" in
            host) stop_process "$name" "$pid" "$HOST_DLL" ;;
            worker-*) stop_process "$name" "$pid" "$WORKER_DLL" ;;
            simulators|fleet) stop_process "$name" "$pid" "$SIMULATORS_DLL" ;;
            agents) stop_process "$name" "$pid" "$AGENT_DLL" ;;
        esac
    done < <(json '.pids | to_entries[] | "\(.key) \(.value)"' "$RUN_FILE")
    rm -rf "$RUN_FILE" "$LOCAL/simulators.json" "$LOCAL/fleet.json" "$LOCAL/agents.json" "$LOCAL/agents.json.state"
}

cmd_down() {
    need jq runuser
    stop_stack
    rabbit_stop
    pg_stop postgres
    pg_stop postgres-test
    [ "${1:-}" != --delete-data ] || { pg_delete postgres; pg_delete postgres-test; step "deleted the data"; }
}

cmd_status() {
    need jq curl
    [ -s "$RUN_FILE" ] || { say "not up"; return 1; }
    if is_up; then say "ready      $(run_value endpoint)"; else say "not ready  $(run_value endpoint)"; fi
    json '.pids | to_entries[] | "process    \(.key) \(.value)"' "$RUN_FILE" >&2
    is_up
}

cmd_token() {
    need jq curl
    [ -s "$RUN_FILE" ] || fail "not up: ./dev up"
    local endpoint
    endpoint="$(run_value endpoint)"
    # The secret goes through a pipe: an argument would be readable in the process list.
    printf 'client_id=%s&client_secret=%s&grant_type=client_credentials&scope=%s/.default' \
        "$(run_value clientId)" "$(run_value clientSecret)" "$endpoint" \
        | curl -fsS --cacert "$(run_value caFile)" -d @- "$endpoint/$(run_value tenantId)/oauth2/v2.0/token" \
        | json .access_token
}

cmd_logs() { exec tail -n 100 -F "$LOCAL/log/${1:-host}.log"; }

cmd_psql() {
    need jq postgresql runuser
    [ -z "${CONTROLPLANE_POSTGRES:-}" ] || fail "the database is the one CONTROLPLANE_POSTGRES names"
    pg_is_running postgres || fail "not up: ./dev up"
    pg_start postgres 0
    PGPASSWORD="$PG_PASSWORD" exec "$PG_BIN/psql" -h 127.0.0.1 -p "$PG_PORT" -U postgres -d "$(run_value database)" "$@"
}
