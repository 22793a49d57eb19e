#!/bin/sh
# Let CHGNet teach weights in two rounds, much as it taught those inside: draw,
# compute energies and forces, bring to rest, learn; about 100 minutes on two cores. In
# the second round, crystals that were drawn with and without a choice teach the critic.
# The caches are written by `crystalgen data build mp-20 --split ...`; needs CHGNet, see
# potential.py. STEPS and N (of the first round) make it smaller, to try it out.
#
#     benchmarks/teaching.sh WEIGHTS.safetensors TRAIN.safetensors VAL.safetensors FOLDER
set -eu
usage="usage: $0 WEIGHTS TRAIN VAL FOLDER"
weights=${1:?$usage}
train=${2:?$usage}
val=${3:?$usage}
folder=${4:?$usage}
n=${N:-24000}
steps=${STEPS:-3000}
here=$(dirname "$0")
mkdir -p "$folder"

teach() { # OPTIONS...: in two processes
    torchrun --nproc-per-node 2 --no-python crystalgen teach "$@" \
        --data "$train" --relaxer-steps $((steps / 2))
}

energies() { # RUN: of crystals as they are; references are fitted once
    mkdir -p "$1-energies"
    known=$folder/first-energies/references.jsonl
    if [ -f "$known" ] && [ "$1" != "$folder/first" ]; then
        cp "$known" "$1-energies"
    fi
    python "$here/relaxation.py" "$1" --relax 0 --train "$train" \
        --hull "$train" "$val" --out "$1-energies"
}

first=$folder/first
crystalgen generate --n "$n" --seed 1000 --checkpoint "$weights" --choices 1 --out "$first"
energies "$first"
python "$here/rest.py" "$first" --energies "$first-energies/hull.jsonl" --out "$first-rest"
teach "$first" "$first-energies/hull.jsonl" --relaxed "$first-rest" --steps "$steps" \
    --checkpoint "$weights" --out "$folder/taught"
teach "$first" "$first-energies/hull.jsonl" --relaxed "$first-rest" --steps 0 \
    --checkpoint "$folder/taught/model.safetensors" --out "$folder/taught-2"

taught=$folder/taught-2/model.safetensors
second=$folder/second
crystalgen generate --n $((n * 3 / 8)) --seed 3000 --checkpoint "$taught" --out "$second"
crystalgen generate --n $((n * 3 / 8)) --seed 5000 --checkpoint "$taught" --choices 1 \
    --out "$second-any"
energies "$second"
energies "$second-any"
python "$here/rest.py" "$second" --out "$second-rest"
mkdir -p "$folder/both"
cat "$second/crystals.jsonl" "$second-any/crystals.jsonl" >"$folder/both/crystals.jsonl"
cp "$second/manifest.json" "$folder/both/manifest.json"
cat "$second-energies/hull.jsonl" "$second-any-energies/hull.jsonl" >"$folder/both.jsonl"
teach "$folder/both" "$folder/both.jsonl" --relaxed "$second-rest" --blend 0.3 \
    --steps "$steps" --checkpoint "$taught" --out "$folder/taught-3"
echo "python scripts/ship_weights.py $folder/taught-3/model.safetensors NAME --species-temperature 0.8"
