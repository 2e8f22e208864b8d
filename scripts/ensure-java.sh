#!/bin/sh
# Java 17, 21 or 25 (from 25.0.3 on) must be there. As root with apt-get a missing one is installed; elsewhere the command to run is said.
java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
number() { "$java" -version 2>&1 | sed -n 's/.*version "\([0-9.]*\).*/\1/p' | head -n 1; }
usable() {
    case "$(number)" in
        25 | 25.0 | 25.0.[012] | 25.0.[012].*) return 1 ;;
        17 | 17.* | 21 | 21.* | 25.*) return 0 ;;
        *) return 1 ;;
    esac
}

if usable; then exit 0; fi
if [ -n "$JAVA_HOME" ] && [ ! -x "$java" ]; then
    echo "JAVA_HOME is $JAVA_HOME, and there is no Java: unset it, or point it at Java 17, 21 or 25" >&2
    exit 2
fi
if [ -n "$(number)" ]; then
    case "$(number)" in
        25*) echo "Java $(number) corrupts data in its default garbage collector: use 25.0.3 or newer, 21 or 17" >&2 ;;
        *) echo "Java $(number) is on this machine, Spark needs 17, 21 or 25: set JAVA_HOME to one of them" >&2 ;;
    esac
    exit 2
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "no Java on this machine: installing a headless JRE"
    apt-get update -qq &&
        { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless ||
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends openjdk-21-jre-headless; } \
            >/dev/null && usable && exit 0
fi
echo "no Java on this machine: install 17, 21 or 25, then start again" >&2
echo "  Debian or Ubuntu: sudo apt-get install openjdk-17-jre-headless" >&2
echo "  Fedora:           sudo dnf install java-21-openjdk-headless" >&2
echo "  macOS:            brew install openjdk@17, then set JAVA_HOME to \$(brew --prefix openjdk@17)" >&2
exit 2
