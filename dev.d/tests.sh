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
    /usr/bin/python3 "$ROOT/dev.d/count_tests.py" "$RESULTS" "$code"
}

cmd_test() {
    need certificates jq curl openssl runuser postgresql rabbitmq sushy python3 pgbench azure-cli npm
    TEST_NPM_CLIENTS="$(npm_packages tests/Clients/npm)"
    export TEST_NPM_CLIENTS
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
    up bench "" 0
    export_settings "$(run_value postgres)" "$(run_value endpoint)"
    CONTROLPLANE_RUN="$RUN_FILE" CONTROLPLANE_PGBENCH="$PG_BIN/pgbench" CONTROLPLANE_DEV="$ROOT/dev" CONTROLPLANE_TLS="$TLS_DIR" \
        dotnet "$BENCH_DLL" "$@" || code=$?
    stop_stack
    return "$code"
}

# The document is what the front door itself serves, so it cannot drift from the routes.
cmd_openapi() {
    local served="$LOCAL/openapi.yaml"
    stop_stack
    up controlplane "" 0
    printf 'header = "Authorization: Bearer %s"\n' "$(cmd_token)" \
        | curl -fsS -K - --cacert "$TLS_DIR/ca.pem" "$(run_value endpoint)/openapi.yaml" >"$served"
    case "${1:-}" in
        "") cp "$served" "$ROOT/openapi.yaml"; step "wrote openapi.yaml" ;;
        --check) diff -u "$ROOT/openapi.yaml" "$served" >&2 || fail "openapi.yaml is out of date: ./dev openapi"; step "openapi.yaml is up to date" ;;
        *) fail "openapi does not know '$1'" 2 ;;
    esac
}
