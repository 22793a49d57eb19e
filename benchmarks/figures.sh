#!/bin/sh
# Every figure of the model card, from the weights inside the package; about ten minutes
# on two cores. The caches are written by `crystalgen data build mp-20 --split ...`.
#
#     benchmarks/figures.sh TEST.safetensors TRAIN.safetensors FOLDER
set -eu
test=${1:?"usage: $0 TEST TRAIN FOLDER"}
train=${2:?"usage: $0 TEST TRAIN FOLDER"}
folder=${3:?"usage: $0 TEST TRAIN FOLDER"}
here=$(dirname "$0")
mkdir -p "$folder"

timed() { # NAME COMMAND...: keep its wall time and largest memory
    name=$1
    shift
    /usr/bin/time -f "$name: %e s, %M kB" -a -o "$folder/times.txt" "$@"
}

python "$here/reconstruction.py" "$test" >"$folder/reconstruction.json"
python "$here/raw_draws.py" --n 1000 --seed 0 >"$folder/raw.json"
for seed in 0 1 2; do
    crystalgen generate --n 1000 --seed "$seed" --out "$folder/seed-$seed"
    crystalgen evaluate "$folder/seed-$seed" --reference "$test" --train "$train" \
        --out "$folder/seed-$seed.json"
done
crystalgen generate --n 1000 --seed 0 --allow-known --out "$folder/known"
crystalgen evaluate "$folder/known" --reference "$test" --train "$train" \
    --out "$folder/known.json"
timed "n = 100" crystalgen generate --n 100 --out "$folder/n-100"
timed "n = 1000" crystalgen generate --n 1000 --out "$folder/n-1000"
timed "n = 10000" crystalgen generate --n 10000 --out "$folder/n-10000"
cat "$folder/times.txt"
