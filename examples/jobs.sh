#!/bin/sh
# Jobs from the command line of any machine, with curl: which failed, why, try one again, wait for
# its end, how far a batch is, and all jobs as a table. Read it from top to bottom; run it with an
# address and a token:
#
#     export PROVENA_URL=http://127.0.0.1:8000
#     export PROVENA_TOKEN=$(python manage.py create_token modeller)
#     sh examples/jobs.sh jobs.csv
#
# All routes, filters and answers are at $PROVENA_URL/api/docs.
set -eu

file=${1:-jobs.csv}

# call PATH [OPTION OF CURL ...]: send a request. The token goes by standard input, because others on
# this machine can read the arguments of a command.
call() {
    path=$1
    shift
    printf 'Authorization: Bearer %s\n' "$PROVENA_TOKEN" |
        curl --silent --show-error --fail-with-body -H @- "$@" "$PROVENA_URL/api/v1$path"
}

# ask PATH [OPTION OF CURL ...]: the answer with each value on a line; a refusal ends the script.
ask() {
    answer=$(call "$@") || { printf '%s\n' "$answer" >&2; exit 1; }
    printf '%s\n' "$answer" | python3 -m json.tool
}

# value NAME ANSWER: the first value of that name.
value() {
    printf '%s\n' "$2" | sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1
}

echo "== The newest jobs that failed"
failed=$(ask "/jobs?status=FAILED&limit=5")
printf '%s\n' "$failed" | grep -E '"(session_id|title|info)":' || echo "None."
job=$(value session_id "$failed")

if [ -n "$job" ]; then
    echo "== The newest of them, and what happened to it"
    ask "/jobs/$job"
    ask "/jobs/$job/events"

    echo "== Try it again"
    ask "/jobs/$job/retry" -X POST | grep '"status":'

    # The answer comes when the job ends, or after 25 seconds. If too many wait, it is a 503 that
    # says in Retry-After when to ask again; --retry does so.
    echo "== Wait for its end"
    until [ "${finished:-}" = true ]; do
        told=$(ask "/jobs/$job/wait?seconds=25" --retry 10)
        finished=$(value is_finished "$told")
        echo "It is $(value status "$told")."
    done
fi

echo "== How far the newest batch is"
batch=$(value batch_id "$(ask "/jobs?batch=only&limit=1")")
if [ -n "$batch" ]; then
    ask "/batches/$batch"
else
    echo "There is none."
fi

echo "== All jobs of this week as a table"
call "/jobs/export.csv?when=week" --output "$file"
echo "$file has $(wc -l <"$file") lines."
