#!/bin/sh
# Makes a development CA and one server certificate: dev-certificates.sh DIRECTORY [NAME...]
# NAME is a DNS name the certificate is also good for; localhost and 127.0.0.1 always are.
# Writes ca.pem, ca.key, server.pem (leaf, then CA) and server.key. Keeps what is there and valid for a week more.
set -eu
umask 077
dir="$1"
shift
mkdir -p "$dir"
cd "$dir"

names="DNS:localhost,IP:127.0.0.1"
for name in "$@"; do names="$names,DNS:$name"; done

if [ -s server.pem ] && [ -s ca.pem ] && [ "$(cat names 2>/dev/null)" = "$names" ] \
    && openssl x509 -in server.pem -noout -checkend 604800 >/dev/null; then
    exit 0
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
: >"$work/index"
cat >"$work/openssl.cnf" <<CONFIG
[ca]
default_ca = development
[development]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $names
[req]
distinguished_name = empty
[empty]
CONFIG

# Backdated one day: machines whose clock is a little behind trust it as well.
from="$(date -u -d "@$(($(date +%s) - 86400))" +%Y%m%d%H%M%SZ)"
until="$(date -u -d "@$(($(date +%s) + 86400 * 365))" +%Y%m%d%H%M%SZ)"

sign() { openssl ca -batch -notext -config "$work/openssl.cnf" -startdate "$from" -enddate "$until" "$@" 2>"$work/log" || { cat "$work/log" >&2; exit 1; }; }

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ca.key 2>/dev/null
openssl req -new -config "$work/openssl.cnf" -key ca.key -subj "/CN=ControlPlane development CA" -out "$work/ca.csr"
sign -selfsign -keyfile ca.key -extensions authority -in "$work/ca.csr" -out ca.pem

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out server.key 2>/dev/null
openssl req -new -config "$work/openssl.cnf" -key server.key -subj "/CN=localhost" -out "$work/server.csr"
sign -cert ca.pem -keyfile ca.key -extensions server -in "$work/server.csr" -out "$work/server.pem"
cat "$work/server.pem" ca.pem >server.pem

printf '%s' "$names" >names
chmod 644 ca.pem server.pem names
