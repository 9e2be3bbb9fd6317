#!/bin/sh
# Bring a new image into service, one replica at a time: the edge keeps sending requests to the healthy one.
set -eu
for replica in ledger-a ledger-b; do
    docker compose up -d --no-deps --wait --wait-timeout 60 "$replica"
done
curl -fsS http://127.0.0.1:8080/health
