#!/usr/bin/env bash
# Creates with OpenSSL what mutual TLS needs: an authority, and a certificate signed by it for a server and for a client.
#   bash examples/rpc/certificates.sh FOLDER
# Keep the authority's key secret. Each program needs its own key and certificate, and ca-cert.pem.
set -euo pipefail
mkdir -p "$1"
cd "$1"
umask 077
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

openssl req -x509 "${new_key[@]}" -subj '/CN=our own authority' -days 3650 -keyout ca-key.pem -out ca-cert.pem 2>/dev/null

# signed NAME EXTENSIONS: creates a key and a certificate, signed by the authority and valid for a year.
signed() {
  openssl req "${new_key[@]}" -subj "/CN=$1" -keyout "$1-key.pem" -out "$1.csr" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca-cert.pem -CAkey ca-key.pem -CAcreateserial -days 365 -out "$1-cert.pem" \
    -extfile <(printf '%s\n' "$2") 2>/dev/null
  rm "$1.csr"
}

# Clients check that the name by which they connect to the server is one of these.
signed server 'subjectAltName=DNS:localhost,IP:127.0.0.1'
signed client 'extendedKeyUsage=clientAuth'
