# What a development stack needs to know and nobody else may: identity, certificates, the key-encryption key.

IDENTITY_FILE="$LOCAL/identity.json"
TLS_DIR="$LOCAL/tls"
KEK_FILE="$LOCAL/kek"
ARTIFACTS_DIR="$LOCAL/artifacts"

uuid() { cat /proc/sys/kernel/random/uuid; }

# Made once; a new secret would lock out the clients that hold the old one.
ensure_secrets() {
    ensure_local
    if [ ! -s "$IDENTITY_FILE" ]; then
        (umask 077 && jq -n --arg tenantId "$(uuid)" --arg clientId "$(uuid)" --arg subscriptionId "$(uuid)" \
            --arg clientSecret "$(openssl rand -base64 33 | tr '+/' '-_')" '$ARGS.named' >"$IDENTITY_FILE")
    fi
    # 32 bytes for AES-256; "v1" is the key's version, written beside everything it wraps.
    [ -s "$KEK_FILE" ] || (umask 077 && printf 'v1:%s\n' "$(openssl rand -base64 32)" >"$KEK_FILE")
    sh "$ROOT/deploy/dev-certificates.sh" "$TLS_DIR"
    ensure_boot_images
}

identity() { json ".$1" "$IDENTITY_FILE"; }

# Placeholders of a realistic size. A real site puts its own signed boot images here.
ensure_boot_images() {
    mkdir -p "$ARTIFACTS_DIR"
    [ -s "$ARTIFACTS_DIR/boot.efi" ] || { printf 'MZ'; head -c 262142 /dev/urandom; } >"$ARTIFACTS_DIR/boot.efi"
    [ -s "$ARTIFACTS_DIR/boot.iso" ] || { head -c 32768 /dev/zero; printf '\001CD001\001'; head -c 491513 /dev/urandom; } >"$ARTIFACTS_DIR/boot.iso"
}
