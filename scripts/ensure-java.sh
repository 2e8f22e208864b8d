#!/bin/sh
# Java 17 or 21 must be there. As root with apt-get a missing one is installed; elsewhere the command to run is said.
java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
major() { "$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1; }
usable() { case "$(major)" in 17 | 21) return 0 ;; *) return 1 ;; esac; }

if usable; then exit 0; fi
if [ -n "$JAVA_HOME" ] && [ ! -x "$java" ]; then
    echo "JAVA_HOME is $JAVA_HOME, and there is no Java: unset it, or point it at Java 17 or 21" >&2
    exit 2
fi
if [ -n "$(major)" ]; then
    echo "Java $(major) is on this machine, Spark needs 17 or 21: set JAVA_HOME to one of them" >&2
    exit 2
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "no Java on this machine: installing a headless JRE"
    apt-get update -qq &&
        { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless ||
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-21-jre-headless; } \
            >/dev/null && usable && exit 0
fi
echo "no Java on this machine: install 17 or 21, then start again" >&2
echo "  Debian or Ubuntu: sudo apt-get install openjdk-17-jre-headless" >&2
echo "  Fedora:           sudo dnf install java-21-openjdk-headless" >&2
echo "  macOS:            brew install openjdk@17, then set JAVA_HOME to \$(brew --prefix openjdk@17)" >&2
exit 2
