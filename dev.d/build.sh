# Builds once and only when a source is newer than the last build that succeeded.

BIN="$ROOT/artifacts/bin"
HOST_DLL="$BIN/Host/release/ControlPlane.Host.dll"
WORKER_DLL="$BIN/Worker/release/ControlPlane.Worker.dll"
SIMULATORS_DLL="$BIN/Simulators/release/ControlPlane.Simulators.dll"
CPCTL_DLL="$BIN/Cli/release/cpctl.dll"
AGENT_DLL="$BIN/Agent/release/ControlPlane.Agent.dll"

# build NAME TARGET DLL...: TARGET is a solution, a solution filter or a project
build() {
    local name="$1" target="$2" stamp="$LOCAL/build-$1.stamp" dll
    shift 2
    ensure_local
    is_built "$stamp" "$@" && return 0
    need_dotnet
    say "Building $name (Release)"
    touch "$stamp.started"
    dotnet build "$ROOT/$target" -c Release -v quiet --nologo -clp:NoSummary >"$LOCAL/log/build.log" 2>&1 </dev/null || {
        grep -E '(error|warning) [A-Z]+[0-9]+' "$LOCAL/log/build.log" | sort -u | head -n 30 >&2 || tail -n 30 "$LOCAL/log/build.log" >&2
        fail "the build failed (.local/log/build.log)"
    }
    mv "$stamp.started" "$stamp"
    for dll in "$@"; do
        [ -f "$dll" ] || fail "the build made no ${dll#"$ROOT"/}"
    done
}

# A directory's own time changes when a file in it comes or goes, so deletions count too.
is_built() {
    local stamp="$1" dll folder apart=()
    shift
    [ -f "$stamp" ] || return 1
    for dll in "$@"; do [ -f "$dll" ] || return 1; done
    for folder in artifacts .local .git .config docs samples deploy dev.d; do apart+=(-path "$ROOT/$folder" -o); done
    [ "$stamp" != "$LOCAL/build-product.stamp" ] || apart+=(-path "$ROOT/tests" -o -path "$ROOT/bench" -o)
    [ -z "$(find "$ROOT" \( "${apart[@]}" -false \) -prune \
        -o \( -type d ! -path "$ROOT" -o -name '*.cs' -o -name '*.csproj' -o -name '*.props' -o -name '*.json' -o -name '*.txt' \
        -o -name '*.sql' -o -name '.editorconfig' \) -newer "$stamp" -print -quit)" ]
}

PRODUCT_DLLS=("$HOST_DLL" "$WORKER_DLL" "$SIMULATORS_DLL" "$CPCTL_DLL" "$AGENT_DLL")

build_product() { build product dev.d/product.slnf "${PRODUCT_DLLS[@]}"; }

product_is_built() { is_built "$LOCAL/build-product.stamp" "${PRODUCT_DLLS[@]}"; }

# Also counts as a build of the product.
build_everything() {
    build solution ControlPlane.sln "${PRODUCT_DLLS[@]}" "$TESTS_DLL"
    [ "$LOCAL/build-product.stamp" -nt "$LOCAL/build-solution.stamp" ] || touch -r "$LOCAL/build-solution.stamp" "$LOCAL/build-product.stamp"
}

cmd_cpctl() {
    build_product
    CONTROLPLANE_RUN="${CONTROLPLANE_RUN:-$RUN_FILE}" exec dotnet "$CPCTL_DLL" "$@"
}
