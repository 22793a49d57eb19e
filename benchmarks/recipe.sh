#!/bin/sh
# The weights inside the package, from nothing: learn from MP-20, let CHGNet judge what
# comes out, learn from that; an hour and a half of two cores. Needs CHGNet, see
# potential.py. CSV is the folder of train.csv.gz and val.csv.gz; they are downloaded
# without it. The same command resumes; FOLDER/times.txt says what took how long.
# STEPS (of the networks) and N (crystals to judge) make it smaller, to try it out.
#
#     benchmarks/recipe.sh FOLDER [CSV]
#
# First crystals as any are drawn teach the critic which compositions are good. Then
# crystals of chosen compositions are brought to rest, which teaches the relaxer, and
# the critic once more. The test split is not touched.
set -eu
folder=${1:?"usage: $0 FOLDER [CSV]"}
csv=${2:-}
steps=${STEPS:-5000}
n=${N:-7000}
here=$(dirname "$0")
train=$folder/mp-20-train.safetensors
val=$folder/mp-20-val.safetensors
mkdir -p "$folder"

stage() { # NAME COMMAND...: once, and timed
    if grep -qs "^$1: " "$folder/times.txt"; then
        return
    fi
    name=$1
    began=$(date +%s)
    shift
    "$@"
    echo "$name: $(($(date +%s) - began)) s" >>"$folder/times.txt"
}

build() { # SPLIT
    crystalgen data build mp-20 --split "$1" ${csv:+--from "$csv/$1.csv.gz"} \
        --out "$folder/mp-20-$1.safetensors"
}

in_two() { # COMMAND ARGUMENTS...: in two processes
    torchrun --nproc-per-node 2 --no-python crystalgen "$@" --resume
}

draw() { # RUN WEIGHTS OPTIONS...: a run that was cut off begins anew
    run=$folder/$1
    weights=$2
    shift 2
    rm -rf "${run:?}"
    crystalgen generate --n "$n" --out "$run" --checkpoint "$weights" "$@"
}

energies() { # of the crystals as they were drawn
    python "$here/relaxation.py" "$folder/any" --relax 0 --train "$train" \
        --hull "$train" "$val" --out "$folder/any-energies"
}

rest() { # and energies before; references are fitted once
    mkdir -p "$folder/chosen-rest"
    cp "$folder/any-energies/references.jsonl" "$folder/chosen-rest"
    python "$here/rest.py" "$folder/chosen" --train "$train" --hull "$train" "$val" \
        --out "$folder/chosen-rest"
}

join() { # both runs and their energies
    mkdir -p "$folder/both"
    cp "$folder/chosen/manifest.json" "$folder/both"
    cat "$folder/any/crystals.jsonl" "$folder/chosen/crystals.jsonl" \
        >"$folder/both/crystals.jsonl"
    cat "$folder/any-energies/hull.jsonl" "$folder/chosen-rest/hull.jsonl" \
        >"$folder/both.jsonl"
}

export OMP_NUM_THREADS=1
stage "build train" build train
stage "build val" build val
sed -e "s/^steps = .*/steps = $steps/" \
    -e "s/^relaxer_steps = .*/relaxer_steps = $((steps / 5))/" \
    -e "s/^orbits_per_batch = .*/orbits_per_batch = 384/" \
    "$here/../examples/mp-20.toml" >"$folder/run.toml"
networks=$folder/run/model.safetensors
stage networks in_two train "$folder/run.toml" --out "$folder/run"
stage "draw any" draw any "$networks" --seed 1000 --choices 1
stage energies energies
stage "teach critic" in_two teach "$folder/any" "$folder/any-energies/hull.jsonl" \
    --data "$train" --checkpoint "$networks" --steps $((steps * 2 / 5)) --trial 0 \
    --out "$folder/critic"
critic=$folder/critic/model.safetensors
stage "draw chosen" draw chosen "$critic" --seed 3000
stage rest rest
stage join join
stage teach in_two teach "$folder/both" "$folder/both.jsonl" --data "$train" \
    --relaxed "$folder/chosen-rest" --relaxer-steps "$steps" \
    --steps $((steps * 3 / 5)) --checkpoint "$critic" --out "$folder/taught"
cat "$folder/times.txt"
echo "python scripts/ship_weights.py $folder/taught/model.safetensors NAME"
