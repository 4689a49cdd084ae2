# Written by `obs build` from stack.toml: edit that, then run `make dashboards`.
# Alertmanager reads secrets from files alone: they are written here, in memory, from the environment. Without any of
# them it starts with receivers that send nothing; with some of them it does not start.
set -eu
umask 077
folder=${0%/*}

keep() {
    eval "value=\$$1"
    if [ -z "$value" ]; then
        echo "$1 is unset: who is told through it would hear nothing; fill it in, or empty all three to be muted" >&2
        exit 1
    fi
    printf %s "$value" >"$2"
    unset "$1"
}

config=alertmanager.yml
if [ -z "$PAGERDUTY_ROUTING_KEY$WEBHOOK_URL$DEADMAN_URL" ]; then
    echo "muted: no secret is set, so nobody is told of any alert" >&2
    config=muted.yml
else
    keep PAGERDUTY_ROUTING_KEY /run/secrets/pagerduty_routing_key
    keep WEBHOOK_URL /run/secrets/webhook_url
    keep DEADMAN_URL /run/secrets/deadman_url
fi
exec alertmanager "@$folder/flags" "--config.file=$folder/$config" "$@"
