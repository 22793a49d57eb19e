#!/bin/sh
# Every figure of the model card but those of CHGNet (`relaxation.py`), from the weights
# inside the package; about half an hour on two cores. The caches are written by
# `crystalgen data build mp-20 --split ...`. COV needs the extra `evaluate`.
#
#     benchmarks/figures.sh TEST.safetensors TRAIN.safetensors VAL.safetensors FOLDER
set -eu
usage="usage: $0 TEST TRAIN VAL FOLDER"
test=${1:?$usage}
train=${2:?$usage}
val=${3:?$usage}
folder=${4:?$usage}
here=$(dirname "$0")
mkdir -p "$folder"

timed() { # NAME COMMAND...: keep its wall time and largest memory
    name=$1
    shift
    /usr/bin/time -f "$name: %e s, %M kB" -a -o "$folder/times.txt" "$@"
}

python "$here/reconstruction.py" "$test" >"$folder/reconstruction.json"
python "$here/raw_draws.py" --n 1000 --seed 0 >"$folder/raw.json"
python "$here/geometry.py" "$test" --n 1000 --samples 20 >"$folder/geometry.json"
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
crystalgen evaluate "$folder/seed-0" --reference "$test" --coverage mp-20 \
    --out "$folder/coverage.json"
crystalgen evaluate "$val" --reference "$test" --coverage mp-20 \
    --out "$folder/real.json"
