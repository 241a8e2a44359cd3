# A private RabbitMQ, only for `up --workers N`: with one process the bus is in memory. Tests start their own.

RABBIT_HOME="$LOCAL/rabbitmq"
RABBIT_BIN=/usr/lib/rabbitmq/bin
RABBIT_ENV=()

# Everything RabbitMQ and Erlang would otherwise put in shared places or bind to every address.
rabbit_environment() {
    local dist epmd
    read -r _ dist epmd <"$RABBIT_HOME/ports"
    RABBIT_ENV=(env HOME="$RABBIT_HOME" RABBITMQ_NODENAME="controlplane-$(checkout_hash)@localhost"
        RABBITMQ_CONFIG_FILE="$RABBIT_HOME/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$RABBIT_HOME/enabled_plugins"
        RABBITMQ_MNESIA_BASE="$RABBIT_HOME/mnesia" RABBITMQ_LOG_BASE="$RABBIT_HOME/log" RABBITMQ_CONF_ENV_FILE=/dev/null
        RABBITMQ_PID_FILE="$RABBIT_HOME/pid" RABBITMQ_DIST_PORT="$dist" ERL_EPMD_PORT="$epmd" ERL_EPMD_ADDRESS=127.0.0.1
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}")
}

# sets RABBIT_URI and RABBIT_PID
rabbit_start() {
    local password="$LOCAL/rabbitmq.password" port
    need rabbitmq
    (umask 077 && mkdir -p "$RABBIT_HOME")
    [ -s "$password" ] || (umask 077 && openssl rand -hex 24 >"$password")
    rabbit_is_running || rabbit_boot "$password"
    read -r port _ <"$RABBIT_HOME/ports"
    RABBIT_PID="$(cat "$RABBIT_HOME/pid")"
    RABBIT_URI="amqp://controlplane:$(cat "$password")@127.0.0.1:$port"
}

# Debian's /usr/sbin wrapper changes to the rabbitmq user; the plain scripts run as whoever starts them.
rabbit_boot() {
    local port
    port="$(free_port 25672)"
    echo "$port $(free_port $((port + 100))) $(free_port $((port + 200)))" >"$RABBIT_HOME/ports"
    (umask 077 && printf '%s\n' "listeners.tcp.1 = 127.0.0.1:$port" 'default_user = controlplane' "default_pass = $(cat "$1")" \
        >"$RABBIT_HOME/rabbitmq.conf")
    echo '[].' >"$RABBIT_HOME/enabled_plugins"
    # Messages are hints and the operations are rows: nothing in here is worth keeping.
    rm -rf "$RABBIT_HOME/mnesia" "$RABBIT_HOME/pid"
    rabbit_environment
    start_process "$LOCAL/log/rabbitmq.log" "${RABBIT_ENV[@]}" "$RABBIT_BIN/rabbitmq-server" >/dev/null
    wait_until 60 rabbit_answers || fail "RabbitMQ does not start (.local/log/rabbitmq.log)"
}

rabbit_answers() { "${RABBIT_ENV[@]}" "$RABBIT_BIN/rabbitmqctl" -q await_startup --timeout 2 >/dev/null 2>&1; }

rabbit_is_running() { [ -s "$RABBIT_HOME/pid" ] && is_ours "$(cat "$RABBIT_HOME/pid")" "$RABBIT_HOME"; }

rabbit_stop() {
    rabbit_is_running || return 0
    local epmd
    stop_process RabbitMQ "$(cat "$RABBIT_HOME/pid")" "$RABBIT_HOME"
    # The port mapper is this node's own: nobody else knows its port.
    read -r _ _ epmd <"$RABBIT_HOME/ports"
    epmd -port "$epmd" -kill >/dev/null 2>&1 || true
    rm -f "$RABBIT_HOME/pid"
}
