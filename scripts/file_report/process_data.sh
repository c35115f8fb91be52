#!/bin/bash
# Check and clean CSV files: the program of the image in this folder, on the machine as well.
#
# In:  --input FOLDER    every *.csv below it; the first record of a file is its header.
# Out: --clean FOLDER    <name>.csv.gz for each file: UTF-8 without a mark, LF, no blank lines, only records that have as
#                        many fields as the header. A quoted field may hold commas, quotes ("") and line ends.
#      --rejected FOLDER <name>.csv for each file that had other records: `<number of the record's first line>:<record>`.
#      --report FOLDER   report-<host>.json: rows, bytes and rejected records of each file (written by report.py).
#      standard output   a line per file, and at the end the totals in CloudWatch's embedded metric format.
#
# A failure leaves one sentence in message (--message-folder), of which SageMaker makes the job's ExitMessage.
# On a job of several hosts one of them may have no file; a single host without one fails.
set -Eeuo pipefail
export LC_ALL=C # bytes are bytes: awk, tr and sort do the same on every machine

here=${BASH_SOURCE[0]%/*}
input=/opt/ml/processing/input/raw
clean=/opt/ml/processing/output/clean
rejected=/opt/ml/processing/output/rejected
report=/opt/ml/processing/output/report
config=/opt/ml/config
messages=/opt/ml/output
doing="reading its arguments"
child=""
started=$SECONDS

# ---- how it ends ----

leave_message() { # $1: the sentence; where there is no container, the folder is not made
    printf 'process_data.sh: %s\n' "$1" >&2
    if [[ $messages != /opt/ml/output || -d /opt/ml ]]; then
        # SageMaker reads 1 KB and refuses what is not UTF-8: no half of a character at the end
        { mkdir -p -- "$messages" &&
            printf '%s' "${1:0:1024}" | iconv -c -f UTF-8 -t UTF-8 >"$messages/message"; } 2>/dev/null || true
    fi
}

fail() { # $1: what is wrong with what came in
    trap - ERR
    leave_message "$1"
    exit 1
}

unexpected() { # $1: exit code, $2: line, $3: command
    trap - ERR
    leave_message "'$3' (line $2) failed with exit code $1 while $doing"
    exit "$1"
}

stop() {
    trap - ERR TERM
    if [[ -n $child ]]; then
        kill -TERM "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    fi
    leave_message "stopped by SIGTERM while $doing"
    exit 143
}

clear_up() { # what is half written is not an output
    rm -f -- "$clean"/.part-* "$rejected"/.part-* 2>/dev/null || true
}

trap 'unexpected $? $LINENO "$BASH_COMMAND"' ERR
trap stop TERM
trap clear_up EXIT

# ---- one file ----

# Its records, joined where a quoted field goes on in the next line; those of another width than the header are put
# aside. Quotes cut a record into pieces, of which every other one is outside of them: the commas there part its fields.
# Written for any awk. A quote that nobody closes would make one record of the rest: after 10,000 lines it is given up.
read -r -d '' separate <<'AWK' || true
function width(record,    pieces, count, i, commas) {
    gsub(/\n/, " ", record) # where one awk splits as well
    count = split(record, pieces, "\"")
    for (i = 1; i <= count; i += 2) commas += gsub(/,/, ",", pieces[i])
    return commas + 1
}
function finish() {
    if (!wanted) wanted = width(record)
    if (!is_open && width(record) == wanted) { print record; rows++ }
    else { print first ":" record > aside; bad++ }
    record = ""; is_open = 0
}
{
    line = $0
    sub(/\r$/, "", line)
    if (NR == 1) sub(/^\357\273\277/, "", line)
    if (!is_open && line ~ /^[ \t]*$/) { blank++; next }
    if (!is_open) first = NR
    record = is_open ? record "\n" line : line
    if (gsub(/"/, "\"", line) % 2) is_open = !is_open
    if (!is_open || NR - first >= 10000) finish()
}
END {
    if (is_open) finish()
    printf "%d %d %d %d\n", (rows ? rows - 1 : 0), bad, blank, wanted > counts
}
AWK

clean_file() { # $1: the file, $2: its name below --input; the counts go to descriptor 3, each ended by a NUL
    local path=$1 name=$2 part=$clean/.part-records counts=$clean/.part-counts aside=$rejected/.part-records
    local rows bad blank wanted bytes kept
    bytes=$(wc -c <"$path")
    # through files of our own name: awk would take a file's name with `=` in it for an assignment
    awk -v aside="$aside" -v counts="$counts" "$separate" <"$path" | gzip -n -6 >"$part"
    read -r rows bad blank wanted <"$counts"
    mkdir -p -- "$clean/$(dirname -- "$name")"
    mv -- "$part" "$clean/$name.gz"
    if [[ -e $aside ]]; then
        mkdir -p -- "$rejected/$(dirname -- "$name")"
        mv -- "$aside" "$rejected/$name"
    fi
    kept=$(wc -c <"$clean/$name.gz")
    printf '%s\0' "$name" "$bytes" "$kept" "$rows" "$bad" "$blank" "$wanted" >&3
    printf '%s: %d rows in %d columns kept, %d rejected, %d blank lines dropped\n' \
        "${name//[[:cntrl:]]/?}" "$rows" "$wanted" "$bad" "$blank"
}

check_file() { # $1: the file, $2: its name for people; why it is no CSV at all
    if [[ ! -f $1 ]]; then fail "'$2' is no regular file"; fi
    if [[ ! -r $1 ]]; then fail "'$2' cannot be read"; fi
    if [[ ! -s $1 ]]; then fail "'$2' is empty: it has no header"; fi
    if ((10#$(tr -cd '\000' <"$1" | wc -c))); then fail "'$2' is no text: it has NUL bytes"; fi
    if ! iconv -f UTF-8 -t UTF-8 <"$1" >/dev/null 2>&1; then fail "'$2' is not UTF-8"; fi
    if ! grep -q '[^[:space:]]' <"$1"; then fail "'$2' is blank: it has no header"; fi
}

attend() { # run in the background, so that a stop does not wait until a large file is done; it leaves its own message
    "$@" &
    child=$!
    wait "$child" || exit
    child=""
}

# ---- all of them ----

while (($#)); do
    if (($# < 2)); then fail "'$1' has no value"; fi
    case $1 in
        --input) input=$2 ;;
        --clean) clean=$2 ;;
        --rejected) rejected=$2 ;;
        --report) report=$2 ;;
        --config) config=$2 ;;
        --message-folder) messages=$2 ;;
        *) fail "'$1' is no argument: --input, --clean, --rejected, --report, --config and --message-folder are" ;;
    esac
    shift 2
done

if [[ ! -d $input ]]; then fail "the folder $input is not there"; fi
for folder in "$clean" "$rejected" "$report"; do
    if ! mkdir -p -- "$folder" 2>/dev/null || [[ ! -w $folder ]]; then
        fail "user $(id -u) cannot write to $folder"
    fi
done

doing="reading $config"
identity=()
while IFS= read -r -d '' word; do identity+=("$word"); done < <(python3 "$here/report.py" identity "$config")
if ((${#identity[@]} != 3)); then fail "$config does not say which job and host this is"; fi
job=${identity[0]} host=${identity[1]} hosts=${identity[2]}
printf 'job %s, host %s of %d\n' "$job" "$host" "$hosts"

doing="listing $input"
counts=$report/.part-counts
files=()
while IFS= read -r -d '' path; do files+=("$path"); done < <(find "$input" -name '*.csv' ! -type d -print0 | sort -z)
if ((${#files[@]} == 0 && hosts == 1)); then fail "no *.csv file below $input"; fi

: >"$counts"
for path in ${files[@]+"${files[@]}"}; do
    name=${path#"${input%/}"/}
    shown=${name//[[:cntrl:]]/?}
    doing="reading '$shown'"
    attend check_file "$path" "$shown"
    attend clean_file "$path" "$name" 3>>"$counts"
done

doing="writing the report"
python3 "$here/report.py" write "$counts" "$report" --job "$job" --host "$host" --seconds "$((SECONDS - started))"
rm -f -- "$counts"
