# What this machine must have. Debian packages are installed when they are missing, and no service is started by it.

PG_BIN=""
find_postgres() {
    local candidate
    for candidate in /usr/lib/postgresql/{18,17,16,15}/bin; do
        if [ -x "$candidate/initdb" ]; then PG_BIN="$candidate"; return 0; fi
    done
    if command -v initdb >/dev/null; then PG_BIN="$(dirname "$(readlink -f "$(command -v initdb)")")"; return 0; fi
    return 1
}

# presence of one need
have() {
    case "$1" in
        postgresql) find_postgres ;;
        rabbitmq) [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] ;;
        azure-cli) [ -x /usr/bin/az ] ;;
        sushy) [ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import sushy' 2>/dev/null ;;
        python3) [ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import json, xml.etree' 2>/dev/null ;;
        pgbench) find_postgres && [ -x "$PG_BIN/pgbench" ] ;;
        runuser) ! is_root || command -v runuser >/dev/null ;;
        certificates) [ -e /etc/ssl/certs/ca-certificates.crt ] ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

debian_package() {
    case "$1" in
        postgresql|pgbench) echo postgresql ;;
        rabbitmq) echo rabbitmq-server ;;
        sushy) echo python3-sushy ;;
        runuser) echo util-linux ;;
        certificates) echo ca-certificates ;;
        kubectl) echo kubernetes-client ;;
        *) echo "$1" ;;
    esac
}

# need NAME...: install what is missing
need() {
    local name missing=() packages=()
    for name in "$@"; do
        have "$name" || { missing+=("$name"); packages+=("$(debian_package "$name")"); }
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    [ "${CONTROLPLANE_NO_INSTALL:-}" != 1 ] || fail "missing: ${missing[*]} (Debian: apt-get install ${packages[*]})"
    command -v apt-get >/dev/null || fail "missing: ${missing[*]}; only Debian packages are installed by this script"
    install_packages "${packages[@]}"
    for name in "${missing[@]}"; do
        have "$name" || fail "$name is still missing after installing ${packages[*]}"
    done
}

install_packages() {
    local sudo=() policy=/usr/sbin/policy-rc.d placed=0 log="$LOCAL/log/apt.log"
    if ! is_root; then
        sudo -n true 2>/dev/null || fail "please run: sudo apt-get install --no-install-recommends $*"
        sudo=(sudo -n)
    fi
    ensure_local
    say "Installing $* (log: .local/log/apt.log)"
    # invoke-rc.d asks this file whether a package may start its service: no.
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
        "${sudo[@]}" chmod 755 "$policy"
        placed=1
    fi
    local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300)
    local failed=0
    "${apt[@]}" install --no-install-recommends "$@" >"$log" 2>&1 </dev/null \
        || { "${apt[@]}" update >>"$log" 2>&1 </dev/null \
             && "${apt[@]}" install --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; } \
        || failed=1
    [ "$placed" -eq 0 ] || "${sudo[@]}" rm -f "$policy"
    [ "$failed" -eq 0 ] || { tail -n 20 "$log" >&2; fail "apt-get could not install $*"; }
}

# npm_packages FOLDER: what its lock file names, installed once; prints where. Scripts of packages are not run.
npm_packages() {
    local name="${1//\//-}" target log="$LOCAL/log/npm.log"
    target="$LOCAL/npm/$name-$(cat "$ROOT/$1/package.json" "$ROOT/$1/package-lock.json" | sha256sum | cut -c1-12)"
    if [ ! -e "$target/installed" ]; then
        ensure_local
        say "Installing the npm packages of $1 (log: .local/log/npm.log)"
        rm -rf "$LOCAL/npm/$name"-*
        mkdir -p "$target"
        cp "$ROOT/$1/package.json" "$ROOT/$1/package-lock.json" "$target"
        (cd "$target" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund >"$log" 2>&1 </dev/null) \
            || { tail -n 20 "$log" >&2; fail "npm could not install the packages of $1"; }
        touch "$target/installed"
    fi
    echo "$target"
}

need_dotnet() {
    command -v dotnet >/dev/null || fail "the .NET 10 SDK is missing: https://dotnet.microsoft.com/download/dotnet/10.0"
    dotnet --list-sdks | grep -q '^10\.' || fail "the .NET 10 SDK is missing (found: $(dotnet --list-sdks | tr '\n' ' '))"
}

cmd_doctor() {
    local name ok=0
    command -v dotnet >/dev/null && dotnet --list-sdks | grep -q '^10\.' && say "ok       dotnet 10" || { say "missing  .NET 10 SDK"; ok=1; }
    for name in curl jq openssl postgresql runuser; do
        have "$name" && say "ok       $name" || { say "missing  $name (for up: $(debian_package "$name"))"; ok=1; }
    done
    for name in rabbitmq sushy python3 pgbench azure-cli kubectl npm; do
        have "$name" && say "ok       $name" || { say "missing  $name (for test: $(debian_package "$name"))"; ok=1; }
    done
    return "$ok"
}
