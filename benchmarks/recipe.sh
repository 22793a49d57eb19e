#!/bin/sh
# Weights from nothing, nearly as good as those inside the package, which were taught for
# longer: learn from MP-20, let CHGNet judge what comes out, learn from that; an hour and
# a half of two cores. Needs CHGNet, see potential.py. CSV is the folder of train.csv.gz
# and val.csv.gz; they are downloaded without it. The same command resumes, but for other
# STEPS or N than before; FOLDER/times.txt says what took how long. STEPS (of the
# networks) and N (crystals to judge) make it smaller, to try it out.
#
#     benchmarks/recipe.sh FOLDER [CSV]
#
# First crystals as any are drawn teach the critic which compositions are good. Then
# crystals of chosen compositions are brought to rest, which teaches the relaxer. Last
# both learn on, the critic from what comes to rest now, and find out how well they can
# tell stable crystals from others. The test split is not touched.
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

draw() { # RUN N WEIGHTS OPTIONS...: a run that was cut off begins anew
    run=$folder/$1
    some=$2
    from=$3
    shift 3
    crystalgen generate --n "$some" --out "$run" --checkpoint "$from" --overwrite "$@"
}

reference() { # FOLDER: references are fitted once
    mkdir -p "$1"
    if [ "$1" != "$folder/any-energies" ]; then
        cp "$folder/any-energies/references.jsonl" "$1"
    fi
}

energies() { # RUN: of the crystals as they were drawn
    reference "$folder/$1-energies"
    python "$here/relaxation.py" "$folder/$1" --relax 0 --train "$train" \
        --hull "$train" "$val" --out "$folder/$1-energies"
}

rest() { # RUN: and energies before
    reference "$folder/$1-energies"
    python "$here/rest.py" "$folder/$1" --train "$train" --hull "$train" "$val" \
        --out "$folder/$1-energies"
}

join() { # LESSON RUN...: runs and their energies
    lesson=$folder/$1
    mkdir -p "$lesson"
    shift
    cp "$folder/$1/manifest.json" "$lesson"
    for run in "$@"; do
        cat "$folder/$run/crystals.jsonl"
    done >"$lesson/crystals.jsonl"
    for run in "$@"; do
        cat "$folder/$run-energies/hull.jsonl"
    done >"$lesson.jsonl"
}

teach() { # LESSON STEPS WEIGHTS OPTIONS...: into a folder with -taught
    lesson=$folder/$1
    lessons=$2
    from=$3
    shift 3
    in_two teach "$lesson" "$lesson.jsonl" --data "$train" --steps "$lessons" \
        --checkpoint "$from" --out "$lesson-taught" "$@"
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

stage "draw any" draw any "$n" "$networks" --seed 1000 --choices 1
stage "energies of any" energies any
join first any
stage "teach first" teach first $((steps * 2 / 5)) "$networks" --trial 0
weights=$folder/first-taught/model.safetensors

stage "draw chosen" draw chosen $((n * 5 / 7)) "$weights" --seed 3000
stage "rest chosen" rest chosen
join second any chosen
stage "teach second" teach second 0 "$weights" \
    --relaxed "$folder/chosen-energies" --relaxer-steps "$steps"
weights=$folder/second-taught/model.safetensors

stage "draw again" draw again $((n / 2)) "$weights" --seed 5000
stage "draw others" draw others $((n / 2)) "$weights" --seed 7000 --choices 1
stage "energies of again" energies again
stage "energies of others" energies others
join third any chosen again others
# what was drawn counts twice in the end
stage "teach third" teach third $((steps * 3 / 5)) "$weights" \
    --relaxed "$folder/chosen-energies" --relaxed "$folder/chosen-energies" \
    --relaxer-steps $((steps * 7 / 10))
weights=$folder/third-taught/model.safetensors

stage "draw last" draw last $((n * 2 / 7)) "$weights" --seed 9000
stage "energies of last" energies last
stage calibrate crystalgen calibrate "$weights" "$folder/last" --overwrite \
    --energies "$folder/last-energies/hull.jsonl" --out "$folder/model.safetensors"

cat "$folder/times.txt"
echo "python scripts/ship_weights.py $folder/model.safetensors NAME"
