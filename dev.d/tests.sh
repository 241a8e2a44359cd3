# test, chaos, bench, openapi: everything that judges the product.

RESULTS="$LOCAL/results"
TESTS_DLL="$BIN/Tests/release/ControlPlane.Tests.dll"
BENCH_DLL="$BIN/Bench/release/ControlPlane.Bench.dll"

# test_database: a private server that forgets on power loss and is therefore quick; stopped when the script ends
test_database() {
    [ -z "${TEST_POSTGRES:-}" ] || return 0
    need postgresql runuser openssl
    ensure_local
    pg_stop postgres-test
    trap 'pg_stop postgres-test 2>/dev/null' EXIT
    trap 'exit 130' INT TERM
    pg_start postgres-test 26432 -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=500
    TEST_POSTGRES="$(pg_connection postgres)"
    export TEST_POSTGRES
}

# run_tests [WORD...] [-OPTION VALUE...]: a word is a part of a test's full name; options are the runner's own
# (dotnet artifacts/bin/Tests/release/ControlPlane.Tests.dll -?). The last line is the count.
run_tests() {
    local code=0 selection=()
    while [ $# -gt 0 ] && [[ "$1" != -* ]]; do
        selection+=(-method "*$1*")
        shift
    done
    rm -rf "$RESULTS"
    mkdir -p "$RESULTS"
    (cd "$(dirname "$TESTS_DLL")" && timeout -k 10 "${TEST_TIMEOUT:-45m}" dotnet "$TESTS_DLL" -noColor -noAutoReporters \
        -result-trx "$RESULTS/tests.trx" "${selection[@]}" "$@" </dev/null >&2) || code=$?
    judge_traffic >&2 || code=1
    /usr/bin/python3 "$ROOT/dev.d/count_tests.py" "$RESULTS" "$code"
}

cmd_test() {
    need certificates jq curl openssl runuser postgresql rabbitmq sushy python3 pgbench azure-cli kubectl npm
    TEST_NPM_CLIENTS="$(npm_packages tests/Clients/npm)"
    export TEST_NPM_CLIENTS
    TEST_NPM_CONTRACT="$(npm_packages tests/Contract/npm)"
    export TEST_NPM_CONTRACT
    build_everything
    ensure_secrets
    test_database
    run_tests "$@"
}

cmd_chaos() {
    while [ $# -gt 0 ]; do
        case "$1" in
            --seconds) export CHAOS_SECONDS="${2:?--seconds needs a number}"; shift 2 ;;
            --seed) export CHAOS_SEED="${2:?--seed needs a number}"; shift 2 ;;
            *) fail "chaos does not know '$1'" 2 ;;
        esac
    done
    : "${CHAOS_SECONDS:=60}" "${CHAOS_SEED:=$((RANDOM * 32768 + RANDOM))}"
    export CHAOS_SECONDS CHAOS_SEED
    need certificates jq curl openssl runuser postgresql rabbitmq python3
    build_everything
    ensure_secrets
    test_database
    say "Chaos for $CHAOS_SECONDS s; to repeat it: ./dev chaos --seconds $CHAOS_SECONDS --seed $CHAOS_SEED"
    run_tests Chaos
}

# Measures on a database of its own, made anew each time; the stack is stopped afterwards.
cmd_bench() {
    local code=0
    need certificates jq curl openssl runuser postgresql pgbench
    build_product
    build bench bench "$BENCH_DLL"
    stop_stack
    # One principal makes all the load: its budget must not be what is measured.
    export Throttling__Reads__Burst=1000000000 Throttling__Writes__Burst=1000000000 Throttling__Deletes__Burst=1000000000
    up bench "" 0
    export_settings "$(run_value postgres)" "$(run_value endpoint)"
    CONTROLPLANE_RUN="$RUN_FILE" CONTROLPLANE_PGBENCH="$PG_BIN/pgbench" CONTROLPLANE_DEV="$ROOT/dev" CONTROLPLANE_TLS="$TLS_DIR" \
        dotnet "$BENCH_DLL" "$@" || code=$?
    stop_stack
    return "$code"
}

# What all tests together sent and were answered, against the contract (docs/api.md).
judge_traffic() {
    [ -n "${TEST_NPM_CONTRACT:-}" ] && [ -d "$RESULTS/traffic" ] || return 0
    NODE_PATH="$TEST_NPM_CONTRACT/node_modules" node "$ROOT/tests/Contract/npm/traffic.cjs" "$ROOT/docs/swagger" "$RESULTS"/traffic/*.jsonl >"$RESULTS/traffic.json" || return 1
    json '"\(.pairs) recorded requests and answers against the contract: \(.violations | length) violations"' "$RESULTS/traffic.json"
    json '.violations[] | "\(.code) \(.operation) \(.side) \(.status) \(.at | join(",")): \(.message) (\(.method) \(.url))"' "$RESULTS/traffic.json" | head -n 50
    [ "$(json '.violations | length' "$RESULTS/traffic.json")" -eq 0 ]
}

# The documents are what the front door itself serves, so they cannot drift from the routes.
cmd_openapi() {
    local served="$LOCAL/openapi" name file
    need certificates jq curl openssl runuser postgresql
    stop_stack
    up controlplane "" 0
    rm -rf "$served"
    mkdir -p "$served/docs/swagger/common-types/resource-management/v5"
    served_text /openapi.yaml >"$served/openapi.yaml"
    for name in $(served_text /swagger | json '.[]'); do
        file="$name.json"
        [ "$name" != common-types ] || file=common-types/resource-management/v5/types.json
        served_text "/swagger/$name.json" >"$served/docs/swagger/$file"
    done
    case "${1:-}" in
        "") rm -rf "$ROOT/docs/swagger"; cp -r "$served/." "$ROOT"; step "wrote openapi.yaml and docs/swagger; now ./dev sdk" ;;
        --check) diff -u "$ROOT/openapi.yaml" "$served/openapi.yaml" >&2 && diff -ru "$ROOT/docs/swagger" "$served/docs/swagger" >&2 || fail "the contract's documents are out of date: ./dev openapi"
            step "openapi.yaml and docs/swagger are up to date" ;;
        *) fail "openapi does not know '$1'" 2 ;;
    esac
}

# served_text PATH: what the running control plane answers
served_text() {
    printf 'header = "Authorization: Bearer %s"\n' "$(cmd_token)" | curl -fsS -K - --cacert "$TLS_DIR/ca.pem" "$(run_value endpoint)$1"
}

# Both clients, from openapi.yaml as it is.
cmd_sdk() {
    local made="$ROOT/clients/sdk"
    [ -z "${1:-}" ] || [ "$1" = --check ] || fail "sdk does not know '$1'" 2
    [ "${1:-}" != --check ] || { made="$LOCAL/sdk"; rm -rf "$made"; }
    need_dotnet
    ensure_local
    { dotnet restore "$ROOT/clients/sdk/csharp" -v quiet && dotnet msbuild "$ROOT/clients/sdk/csharp" -t:Generate -p:Into="$made" -v:quiet -nologo; } >"$LOCAL/log/sdk.log" 2>&1 </dev/null \
        || { tail -n 20 "$LOCAL/log/sdk.log" >&2; fail "the clients could not be generated"; }
    case "${1:-}" in
        --check) diff -rq "$ROOT/clients/sdk/csharp/Generated" "$made/csharp/Generated" >&2 && diff -rq "$ROOT/clients/sdk/typescript/generated" "$made/typescript/generated" >&2 || fail "the generated clients are out of date: ./dev sdk"
            step "the generated clients are up to date" ;;
        *) step "wrote clients/sdk" ;;
    esac
}
