#!/bin/sh
# Draw crystals with the weights inside the package: any, then small cubic ones in
# several formats. Further options are passed on, for example --n 10.
#
#     examples/generate.sh FOLDER [OPTIONS]
set -eu
folder=${1:?"usage: $0 FOLDER [OPTIONS]"}
shift

crystalgen generate --n 100 --out "$folder/any" "$@"
crystalgen generate --n 20 --space-group 221,225 --max-atoms 10 \
    --format cif,poscar,extxyz --out "$folder/cubic" "$@"
