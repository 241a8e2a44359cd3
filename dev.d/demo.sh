# A rack of simulated servers goes from bare metal to Kubernetes nodes while you watch; then 200 simulated clusters
# become a fleet.

cmd_demo() {
    local machines=42 clock=0.02 clusters=200 started=$SECONDS code=0
    while [ $# -gt 0 ]; do
        case "$1" in
            --machines) machines="${2:?--machines needs a number}"; shift 2 ;;
            --clock) clock="${2:?--clock needs a factor}"; shift 2 ;;
            --clusters) clusters="${2:?--clusters needs a number}"; shift 2 ;;
            *) fail "demo does not know '$1'" 2 ;;
        esac
    done
    need certificates curl jq openssl runuser kubectl
    build_product
    if simulators_run "$machines" && is_up && is_current; then
        step "already up, with $machines simulated machines"
    else
        # The state of a simulated machine dies with its simulator, so each demo has a database of its own;
        # what you made yourself with `up` stays in another.
        if [ -s "$RUN_FILE" ] && [ "$(run_value database)" != demo ]; then step "restarting on the demo's own database"; fi
        stop_stack
        up demo "" 0
        start_simulators "$machines" "$clock"
    fi
    say ""
    walk_through || code=$?
    if [ "$code" -eq 0 ] && [ "$clusters" -gt 0 ]; then
        say ""
        fleet_walk_through "$clusters" || code=$?
    fi
    say ""
    if [ "$code" -eq 0 ]; then
        say "$machines nodes joined$([ "$clusters" -eq 0 ] || echo ", $clusters clusters are a fleet"). The whole demo took $((SECONDS - started)) s."
        what_next
    else
        say "The demo failed after $((SECONDS - started)) s; the reasons stand above, the log in .local/log/host.log."
    fi
    say "The stack is still up at $(run_value endpoint); ./dev down stops it and the simulators."
    return "$code"
}

simulators_run() {
    is_ours "$(run_value pids.simulators)" "$SIMULATORS_DLL" && [ "$(json .machines "$LOCAL/simulators.json" 2>/dev/null)" = "$1" ]
}

# start_simulators MACHINES CLOCK
start_simulators() {
    local pid ready="$LOCAL/simulators.json" log="$LOCAL/log/simulators.log"
    rm -f "$ready"
    : >"$log"
    pid="$(umask 077; start_process "$log" dotnet "$SIMULATORS_DLL" --machines "$1" --personality mixed --clock "$2" \
        --ready-file "$ready" --trust-ca "$TLS_DIR/ca.pem")"
    record_pid simulators "$pid" "$(jq -n --arg file "$ready" '{simulators: $file}')"
    wait_until 30 simulators_are_ready_or_dead "$ready" "$pid"
    [ -s "$ready" ] || { tail -n 20 "$log" >&2; fail "the simulators do not start (.local/log/simulators.log)"; }
    step "simulators: $1 machines, one Kubernetes API server, one image server"
}

simulators_are_ready_or_dead() { [ -s "$1" ] || ! is_ours "$2" "$SIMULATORS_DLL"; }

# What a person would type, in order.
walk_through() {
    local cpctl=(dotnet "$CPCTL_DLL") world=(--var-file "$LOCAL/simulators.json")
    run_shown "${cpctl[@]}" apply -f "$ROOT/samples/resource-group.yaml" || return
    run_shown "${cpctl[@]}" apply --wait -f "$ROOT/samples/cluster.yaml" "${world[@]}" || return
    run_shown "${cpctl[@]}" apply --wait -f "$ROOT/samples/os-image.yaml" "${world[@]}" || return
    run_shown "${cpctl[@]}" rack provision -f "$ROOT/samples/rack.yaml" "${world[@]}" --var "bmcPortOffset=$(($(json .bmcPortBase "$LOCAL/simulators.json") - 1))"
}

# start_fleet CLUSTERS: simulated Kubernetes API servers; an image with the tag "bad" never becomes available in any
start_fleet() {
    local pid ready="$LOCAL/fleet.json" log="$LOCAL/log/fleet.log" control
    stop_process "the agents" "$(run_value pids.agents)" "$AGENT_DLL"
    stop_process "the simulated fleet" "$(run_value pids.fleet)" "$SIMULATORS_DLL"
    rm -rf "$ready" "$LOCAL/agents.json" "$LOCAL/agents.json.state"
    : >"$log"
    pid="$(umask 077; start_process "$log" dotnet "$SIMULATORS_DLL" --clusters "$1" --clock 0 --regions westeurope:2,southeastasia:1 --label ring=canary:1,early:3,broad:16 \
        --node-images AKSUbuntu-2204gen2containerd-202601.13.0:1,AKSUbuntu-2204gen2containerd-202602.1.0:4 --add-on secrets-store-csi-driver=1.4.2:1,1.4.8:9 --ready-file "$ready")"
    record_pid fleet "$pid"
    wait_until 30 simulators_are_ready_or_dead "$ready" "$pid"
    [ -s "$ready" ] || { tail -n 20 "$log" >&2; fail "the simulated fleet does not start (.local/log/fleet.log)"; }
    control="$(json .control "$ready")"
    curl -fsS -X POST -H 'Content-Type: application/json' -d '{"action":"neverAvailable","images":["*:bad"]}' "$control/faults" >/dev/null
    step "simulators: $1 Kubernetes clusters"
}

# The agents of all clusters that the control plane cannot call; each would run in its cluster (deploy/agent.yaml).
start_agents() {
    local pid
    : >"$LOCAL/log/agents.log"
    pid="$(umask 077; start_process "$LOCAL/log/agents.log" dotnet "$AGENT_DLL" --members "$LOCAL/agents.json")"
    record_pid agents "$pid"
    step "the agents of $(json '.members | length' "$LOCAL/agents.json") clusters"
}

# A revision goes out in stages, holds, goes on; a bad one is caught and goes back by itself.
fleet_walk_through() {
    local cpctl=(dotnet "$CPCTL_DLL") shop=(apply --wait -f "$ROOT/samples/placement.yaml")
    start_fleet "$1"
    run_shown "${cpctl[@]}" fleet join stores -g demo --clusters "$LOCAL/fleet.json" --pull 50% --agents-file "$LOCAL/agents.json" || return
    start_agents
    scorecard_says '.total.clusters | .connected == .total' "all clusters are connected, half of them by their agents"
    run_shown "${cpctl[@]}" "${shop[@]}" --var tag=1.0 || return
    run_shown "${cpctl[@]}" placement watch stores/shop -g demo || return
    run_shown "${cpctl[@]}" placement resume stores/shop -g demo || return
    run_shown "${cpctl[@]}" "${shop[@]}" --var tag=bad || return
    run_shown "${cpctl[@]}" placement watch stores/shop -g demo || return
    run_shown "${cpctl[@]}" placement runs stores/shop -g demo || return
    say ""
    remedy_walk_through
}

# A vulnerability is remedied where it matters most; what breaks a policy is cordoned until it does not.
remedy_walk_through() {
    local cpctl=(dotnet "$CPCTL_DLL") asia="cve eq 'CVE-2026-31337' and region eq 'southeastasia'"
    run_shown "${cpctl[@]}" apply -f "$ROOT/samples/vulnerability.yaml" || return
    run_shown "${cpctl[@]}" fleet insights stores -g demo --group-by region || return
    run_shown "${cpctl[@]}" fleet clusters stores -g demo --filter "$asia" || return
    run_shown "${cpctl[@]}" fleet remediate stores -g demo --cve CVE-2026-31337 --filter "region eq 'southeastasia'" || return
    scorecard_says '[.total.vulnerabilities[]?.byRegion[]? | select(.value == "southeastasia")] == []' "no cluster in southeastasia is exposed" || return
    run_shown "${cpctl[@]}" apply -f "$ROOT/samples/require-addon.yaml" || return
    scorecard_says '.total.compliance | .nonCompliant > 0 and .cordoned == .nonCompliant' "every cluster with an old secrets driver is cordoned" || return
    run_shown "${cpctl[@]}" fleet insights stores -g demo --group-by addOns/secrets-store-csi-driver || return
    run_shown "${cpctl[@]}" fleet remediate stores -g demo --filter "compliance eq 'NonCompliant'" --add-on secrets-store-csi-driver=1.4.8 || return
    scorecard_says '.total.compliance | .nonCompliant + .cordoned == 0' "all clusters comply, none is cordoned" || return
    run_shown "${cpctl[@]}" fleet insights stores -g demo --group-by region || return
    inspect_member
}

# Kubernetes itself has the last word.
inspect_member() {
    local name config="$LOCAL/kubeconfig"
    name="$(json .clusters[1].name "$LOCAL/fleet.json")"
    (umask 077; jq --arg name "$name" '.clusters[] | select(.name == $name) | {apiVersion: "v1", kind: "Config", "current-context": .name,
        clusters: [{name: .name, cluster: {server: .url, "certificate-authority-data": (.ca | @base64)}}], users: [{name: "admin", user: {token: .token}}],
        contexts: [{name: .name, context: {cluster: .name, user: "admin"}}]}' "$LOCAL/fleet.json" >"$config")
    say "\$ kubectl --kubeconfig .local/kubeconfig get nodes,deployments -A"
    kubectl --kubeconfig "$config" get nodes,deployments -A
}

# scorecard_says JQ WHAT: waits until the fleet's scorecard does
scorecard_says() {
    wait_until 90 scorecard_matches "$1" || fail "it did not come to be that $2"
    step "$2"
}

scorecard_matches() { CONTROLPLANE_RUN="$RUN_FILE" dotnet "$CPCTL_DLL" fleet insights stores -g demo -o json | jq -e "$1" >/dev/null; }

run_shown() {
    local shown="$*"
    shown="${shown/#dotnet "$CPCTL_DLL"/./dev cpctl}"
    say "\$ ${shown//"$ROOT/"/}"
    CONTROLPLANE_RUN="$RUN_FILE" "$@"
}

what_next() {
    cat >&2 <<'TEXT'

Try next:
  ./dev cpctl get machines -g demo                 the machines, one line each
  ./dev cpctl get machine rack1-07 -g demo         one machine with its hardware, steps and conditions
  ./dev cpctl machine cordon rack1-07 -g demo      no new pods on that node
  ./dev cpctl machine reimage rack1-07 -g demo     wipe, write and join the cordoned node again
  ./dev cpctl get placement stores/shop -g demo    a placement with its run, counts and conditions
  ./dev cpctl placement rollback stores/shop -g demo --revision 1
  ./dev token                                      a bearer token for curl or an Azure SDK

TEXT
}
