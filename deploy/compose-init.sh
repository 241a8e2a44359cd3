#!/bin/sh
# Fills the volume /controlplane with what `./dev up` keeps in .local: certificates, the key-encryption key, boot images.
# Everything belongs to the containers' unprivileged user; what is there stays.
set -eu
umask 077
sh /deploy/dev-certificates.sh /controlplane/tls api
[ -s /controlplane/kek ] || printf 'v1:%s\n' "$(openssl rand -base64 32)" >/controlplane/kek
mkdir -p /controlplane/artifacts /controlplane/simulators
# Placeholders of a realistic size for a site's own signed boot images.
[ -s /controlplane/artifacts/boot.efi ] || head -c 262144 /dev/urandom >/controlplane/artifacts/boot.efi
[ -s /controlplane/artifacts/boot.iso ] || head -c 524288 /dev/urandom >/controlplane/artifacts/boot.iso
chown -R "${APP_UID:-1654}" /controlplane
