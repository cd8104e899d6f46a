#!/bin/sh
# Programs over a population on Ray and Spark: the rows, killed workers, other snapshots, memory, users per second.
#
#     benches/scale.sh FOLDER [OPTIONS OF benches/peers/scale.py]
#
# Makes a virtual environment in FOLDER, with the package of this checkout, Ray and Spark (which needs Java 17), and a
# generated world. Both stay, and are used again; remove FOLDER/venv after a change of the package.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:?usage: benches/scale.sh FOLDER [OPTIONS]}
shift
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [ ! -d "$folder/venv" ]; then
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/pip" install -q "$root/python[arrow]" "ray[data]==2.60.*" "pyspark[sql]==4.3.*" numpy psutil
fi
exec "$folder/venv/bin/python" "$root/benches/peers/scale.py" "$folder" "$@"
