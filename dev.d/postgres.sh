# Private PostgreSQL servers: one for `up` (durable), one for `test` (fast). Loopback TCP with a password, no sockets.

# pg_as COMMAND...: PostgreSQL refuses to run as root, so root becomes "postgres"
pg_as() (
    cd /
    if is_root; then exec runuser -u postgres -- "$@"; else exec "$@"; fi
)

# pg_home NAME: where a server keeps its files. A checkout below a directory that the postgres user may not
# enter gets a directory under /var/lib, named after the checkout's path; .local/NAME.dir remembers it.
pg_home() {
    local name="$1" home="$LOCAL/$1"
    if [ -s "$LOCAL/$name.dir" ]; then cat "$LOCAL/$name.dir"; return; fi
    ensure_local
    if is_root && ! pg_as test -x "$LOCAL" 2>/dev/null; then
        home="/var/lib/controlplane-$(checkout_hash)/$name"
        install -d -m 755 "$(dirname "$home")"
    fi
    if is_root; then install -d -o postgres -g postgres -m 700 "$home"; else install -d -m 700 "$home"; fi
    echo "$home" >"$LOCAL/$name.dir"
    echo "$home"
}

# pg_start NAME FIRST_PORT [POSTGRES_OPTION...]: sets PG_PORT and PG_PASSWORD; keeps a server that runs
pg_start() {
    local name="$1" first_port="$2" home secret="$LOCAL/$1.password"
    shift 2
    home="$(pg_home "$name")"
    pg_as test -s "$home/data/PG_VERSION" || pg_init "$home" "$secret"
    PG_PASSWORD="$(cat "$secret")"
    if pg_is_running "$name"; then
        PG_PORT="$(pg_as sed -n 4p "$home/data/postmaster.pid")"
        return
    fi
    PG_PORT="$(free_port "$first_port")"
    local options="-c port=$PG_PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=256MB \
-c max_connections=300 -c max_wal_size=2GB -c wal_compression=on -c random_page_cost=1.1 -c jit=off \
-c log_min_duration_statement=500 -c timezone=UTC $*"
    # The server outlives its caller and must hold none of its locks.
    pg_as "$PG_BIN/pg_ctl" -D "$home/data" -l "$home/server.log" -w -t 60 -s -o "$options" start </dev/null >/dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- \
        || { pg_as tail -n 20 "$home/server.log" >&2; fail "PostgreSQL does not start"; }
}

pg_init() {
    local home="$1" secret="$2"
    (umask 077 && openssl rand -hex 24 >"$secret")
    pg_as sh -c 'umask 077; rm -rf "$1/data" && cat >"$1/pw"' sh "$home" <"$secret"
    pg_as "$PG_BIN/initdb" -D "$home/data" -U postgres -A scram-sha-256 --pwfile="$home/pw" --no-sync --locale=C -E UTF8 >"$LOCAL/log/initdb.log" 2>&1 \
        || { tail -n 20 "$LOCAL/log/initdb.log" >&2; fail "initdb failed"; }
    pg_as rm -f "$home/pw"
}

pg_is_running() {
    local home
    [ -s "$LOCAL/$1.dir" ] || return 1
    home="$(pg_home "$1")"
    find_postgres && pg_as "$PG_BIN/pg_ctl" -D "$home/data" status >/dev/null 2>&1
}

# pg_ctl finds the server by the process id in its own data directory.
pg_stop() {
    pg_is_running "$1" || return 0
    pg_as "$PG_BIN/pg_ctl" -D "$(pg_home "$1")/data" -m fast -w -t 30 -s stop || fail "PostgreSQL ($1) does not stop"
    step "stopped PostgreSQL ($1)"
}

pg_delete() {
    [ -s "$LOCAL/$1.dir" ] || return 0
    pg_stop "$1"
    rm -rf "$(pg_home "$1")" "$LOCAL/$1.dir" "$LOCAL/$1.password"
}

pg_pid() { pg_as head -n 1 "$(pg_home "$1")/data/postmaster.pid" 2>/dev/null || true; }

pg_sql() { PGOPTIONS="-c client_min_messages=warning" PGPASSWORD="$PG_PASSWORD" "$PG_BIN/psql" -h 127.0.0.1 -p "$PG_PORT" -U postgres -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

# pg_connection DATABASE: as Npgsql reads it
pg_connection() { printf 'Host=127.0.0.1;Port=%s;Database=%s;Username=postgres;Password=%s' "$PG_PORT" "$1" "$PG_PASSWORD"; }

pg_ensure_database() {
    [ "$(pg_sql -d postgres -c "select 1 from pg_database where datname = '$1'")" = 1 ] || pg_sql -d postgres -c "create database \"$1\""
}

pg_fresh_database() {
    pg_sql -d postgres -c "drop database if exists \"$1\" with (force)" -c "create database \"$1\""
}
