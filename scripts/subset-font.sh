#!/bin/sh
# Makes rfm_spark/report/fonts anew: Arimo (as wide as Arial, SIL Open Font License), cut down to the letters of European
# languages and Vietnamese. TrueType is what the charts are measured with, WOFF2 of the same outlines what a report embeds.
# Needs npm and uv.
set -eu
target="$(cd "$(dirname "$0")/.." && pwd)/rfm_spark/report/fonts"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent @expo-google-fonts/arimo@0.4.3 >/dev/null
tar xzf ./*.tgz
letters="U+0020-007E,U+00A0-017F,U+0192,U+01A0-01A1,U+01AF-01B0,U+0218-021B,U+02C6-02DD,U+0300-0304,U+0306-030C"
letters="$letters,U+0323,U+0384-03CE,U+0400-045F,U+0490-0493,U+049A-049B,U+04A2-04A3,U+04AE-04B1,U+04BA-04BB,U+04D8-04D9"
letters="$letters,U+04E8-04E9,U+1E80-1E85,U+1E9E,U+1EA0-1EF9,U+2010-2027,U+202F-203A,U+2044,U+2070-2089,U+20A0-20BF"
letters="$letters,U+2116,U+2122,U+2190-2193,U+2202-2265,U+25CF,U+FFFD"
for weight in 400Regular 700Bold; do
    for kind in ttf woff2; do
        case "$kind" in woff2) flavor=--flavor=woff2 ;; *) flavor= ;; esac
        uvx -q --from 'fonttools[woff]==4.68.0' pyftsubset "package/$weight/Arimo_$weight.ttf" --unicodes="$letters" \
            --layout-features=kern,mark,ccmp,locl --no-hinting --name-IDs=0,1,2,4,6,13,14 --drop-tables+=STAT,gasp,prep \
            $flavor --output-file="$target/Arimo-${weight#?00}.$kind"
    done
done
cp package/LICENSE_FONT "$target/OFL.txt"
