#!/bin/sh
# Installs Debian's mosquitto and starts no service: the tests start brokers of their own.
set -eu

policy=/usr/sbin/policy-rc.d

fail() {
    echo "cannot install mosquitto: $1" >&2
    exit 1
}

command -v apt-get >/dev/null ||
    fail "there is no apt-get; install it by other means and name it in MQTT_TEST_MOSQUITTO"
[ "$(id -u)" -eq 0 ] ||
    fail "apt-get needs root; run: sudo apt-get install mosquitto"

# Package scripts ask this program before they start a service; 101 forbids it.
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
answer=0
"$policy" mosquitto start >/dev/null 2>&1 || answer=$?
[ "$answer" -eq 101 ] || fail "$policy lets services start"

export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=120 update
apt-get -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends mosquitto
if command -v systemctl >/dev/null; then
    systemctl disable mosquitto.service # nor at the next boot
fi
