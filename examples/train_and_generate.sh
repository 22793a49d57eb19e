#!/bin/sh
# Train a small model on the crystals that come with the package, in about a minute on
# two cores and without a download; then draw crystals with the weights it has learnt.
#
#     examples/train_and_generate.sh FOLDER [RUN.TOML]
set -eu
folder=${1:?"usage: $0 FOLDER [RUN.TOML]"}
settings=${2:-"$(dirname "$0")/embedded.toml"}

crystalgen train "$settings" --out "$folder"
crystalgen generate --n 20 --checkpoint "$folder/model.safetensors" \
    --out "$folder/crystals"
