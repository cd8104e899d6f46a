#!/bin/sh
# Makes the tables of docs/quality.md anew; see README.md beside this file.
#
#     cargo build --release
#     benches/quality/run.sh DATA [DATASET...]
#
# Tables are prepared in target/quality, or in the folder that OUT names. IGQL names another binary, SET=tune the
# other split, ARGS further options of `igql replay`, such as `--sample 1000`.
set -eu

usage() {
    sed -n 's/^# \{0,1\}//; 2,8p' "$0" >&2
    exit 2
}

[ $# -ge 1 ] || usage
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
data=$1
shift
out=${OUT:-$root/target/quality}
igql=${IGQL:-$root/target/release/igql}
absolute() {
    case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac
}
out=$(absolute "$out")
igql=$(absolute "$igql")
[ -d "$data" ] || { echo "there is no folder $data" >&2; exit 2; }
[ -x "$igql" ] || { echo "there is no $igql: build it with \`cargo build --release\`, or set IGQL" >&2; exit 2; }

# measure NAME FOLDER METRICS PROGRAM...: prepares a data set and replays its programs, the first of which is the baseline
measure() {
    name=$1 source=$2 metrics=$3
    shift 3
    if [ ! -d "$source" ]; then
        echo "$name: there is no $source, left out" >&2
        return
    fi
    python3 "$here/$name/prepare.py" "$source" "$out/$name"
    set_of=${SET:-test}
    if [ ! -d "$out/$name/$set_of" ]; then
        echo "$name: there is no $set_of set, so this is what is held out for tuning"
        set_of=tune
    fi
    world=$out/$name/$set_of
    cp "$here/$name/catalog.toml" "$world/"
    [ ! -f "$here/$name/prelude.igql" ] || cp "$here/$name/prelude.igql" "$world/"
    baseline=$name/$1.igql
    shift
    programs=""
    for program in "$@"; do
        programs="$programs $name/$program.igql"
        case $program in
            learned_*) (cd "$here" && "$igql" train "$name/$program.igql" --catalog "$world") ;;
        esac
    done
    echo "== $name, $set_of"
    # shellcheck disable=SC2086
    (cd "$here" && "$igql" replay $programs --baseline "$baseline" --catalog "$world" \
        --holdout "$world/held_out.csv" --metrics "$metrics" --no-stages ${ARGS:-})
}

# fit NAME FOLDER PROGRAM: prepares a data set, trains what a program declares, and prints the metrics of its models
fit() {
    name=$1 source=$2 program=$1/$3.igql
    if [ ! -d "$source" ]; then
        echo "$name: there is no $source, left out" >&2
        return
    fi
    python3 "$here/$name/prepare.py" "$source" "$out/$name"
    world=$out/$name/test
    cp "$here/$name/catalog.toml" "$world/"
    (cd "$here" && "$igql" train "$program" --catalog "$world")
    echo "== $name, test parts"
    (cd "$here" && "$igql" train "$program" --catalog "$world" --list --format json) | python3 "$here/heads.py"
}

movies=$data/ml-latest-small
[ -d "$movies" ] || movies=$root/examples/movies
for dataset in ${*:-lastfm gowalla movielens beauty kuairand}; do
    case $dataset in
        lastfm) measure lastfm "$data/lastfm" recall@20,ndcg@20 popularity items rp3beta people blend \
            learned_itemknn learned_rp3beta learned_ease learned_gfcf learned_als ;;
        gowalla) measure gowalla "$data/gowalla" recall@20,ndcg@20 popularity items rp3beta people blend \
            learned_itemknn learned_rp3beta learned_ease learned_gfcf learned_als ;;
        movielens) measure movielens "$movies" recall@20,ndcg@20 popularity items rp3beta people blend \
            learned_itemknn learned_rp3beta learned_ease learned_gfcf learned_als learned_two_tower ;;
        beauty) measure beauty "$data/s3rec" hit@10,ndcg@10 popularity items order blend learned_order learned_blend ;;
        kuairand) fit kuairand "$data/kuairand-like-hate" first_pass ;;
        *) echo "there is no data set $dataset: lastfm, gowalla, movielens, beauty or kuairand" >&2; exit 2 ;;
    esac
done
