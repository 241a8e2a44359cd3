# Words every other part uses: messages, ports, processes, waiting.

say() { printf '%s\n' "$*" >&2; }
step() { printf '  %s\n' "$*" >&2; }

# fail MESSAGE [EXIT_CODE]
fail() {
    printf 'dev: %s\n' "$1" >&2
    exit "${2:-1}"
}

# .NET and NuGet need a home; a build container may have none.
if [ -z "${HOME:-}" ]; then
    HOME="$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6 || true)"
    [ -n "$HOME" ] && [ -w "$HOME" ] || { HOME="$LOCAL/home"; mkdir -p "$HOME"; }
    export HOME
fi
# Cultures are not used, and a small system has no ICU.
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1

is_root() { [ "$(id -u)" -eq 0 ]; }

# The checkout's own name where something must live outside it.
checkout_hash() { printf '%s' "$ROOT" | sha256sum | cut -c1-10; }

ensure_local() {
    mkdir -p "$LOCAL/log"
    # Others may pass through (the postgres user does); every secret inside is 0600 or in a 0700 directory.
    chmod 755 "$LOCAL"
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port FIRST: the first loopback port at or after FIRST that nobody listens on
free_port() {
    local port
    for ((port = $1; port < $1 + 500; port++)); do
        if port_is_free "$port"; then echo "$port"; return; fi
    done
    fail "no free port between $1 and $((port - 1))"
}

# is_ours PID MARK: the process lives and MARK (a path in this checkout) is on its command line.
# A recorded id may have been given to a stranger since.
is_ours() {
    [ -n "${1:-}" ] && [ -r "/proc/$1/cmdline" ] && tr '\0' ' ' <"/proc/$1/cmdline" | grep -qF -- "$2"
}

# stop_process NAME PID MARK: TERM, then KILL after ten seconds
stop_process() {
    local name="$1" pid="$2" mark="$3"
    is_ours "$pid" "$mark" || return 0
    kill -TERM "$pid" 2>/dev/null || return 0
    if ! wait_until 10 process_gone "$pid"; then
        kill -KILL "$pid" 2>/dev/null || true
        wait_until 5 process_gone "$pid" || fail "$name (process $pid) does not end"
    fi
    step "stopped $name"
}

process_gone() {
    [ ! -d "/proc/$1" ] && return 0
    # A zombie has ended; whoever started it has not asked yet.
    grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

# wait_until SECONDS COMMAND...: true as soon as COMMAND is
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -ge "$deadline" ] && return 1
        sleep 0.1
    done
}

# start_process LOG COMMAND...: in a session of its own, holding none of our descriptors; prints its id
start_process() {
    local log="$1"
    shift
    setsid "$@" </dev/null >>"$log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    echo $!
}

json() { jq -r "$@"; }
