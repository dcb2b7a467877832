#!/bin/sh
# Installs Debian's packages of brokers and starts no service: the tests start brokers of their own.
# install.sh PACKAGE...
set -eu

packages="$*"
policy=/usr/sbin/policy-rc.d

fail() {
    echo "cannot install $packages: $1" >&2
    exit 1
}

command -v apt-get >/dev/null ||
    fail "there is no apt-get; install it by other means (and name mosquitto in MQTT_TEST_MOSQUITTO)"
[ "$(id -u)" -eq 0 ] ||
    fail "apt-get needs root; run: sudo apt-get install $packages"

# Package scripts ask this program before they start a service; 101 forbids it.
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
answer=0
"$policy" "$1" start >/dev/null 2>&1 || answer=$?
[ "$answer" -eq 101 ] || fail "$policy lets services start"

export DEBIAN_FRONTEND=noninteractive
apt-get -o DPkg::Lock::Timeout=120 update
apt-get -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends "$@"
if command -v systemctl >/dev/null; then
    # Nor at the next boot; not every package has a service.
    for package in "$@"; do systemctl disable "$package.service" 2>/dev/null || true; done
fi
