#!/bin/bash
# launches.sh SUITE [COUNT]: so many launches in a row (20) on a pool of two nodes all end, well and in time: an MPI program,
# a program without MPI, and one whose first rank reads a pipe, in turn. SUITE: bookworm (Open MPI 4.1) or trixie (5.0,
# whose mpirun was seen to hang at the end of 4 launches in 180). The times are printed.
set -u
suite=$1
count=${2:-20}
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib/check.sh"
. "$here/lib/pool.sh"
image=$(test_image "$suite")
need_images "$image" shipyard/node:latest
trap 'remove_pools; rm -rf "$work"' EXIT
work=$(mktemp -d)
limit=60  # seconds for one: a hang, on however busy a machine

pool=launches-$suite-$$
make_pool "$pool" -n 2 --image "$image" --subnet 10.213.9.0/24

# launch KIND: prints what is to be "2 ranks", with the exit status in front. The limit is kept inside, because what runs in
# a container outlives its client.
launch() {
  case $1 in
    mpi) in_pool "$pool" timeout -k 5 $limit shipyard-mpirun --ppn 1 pingpong --sizes 0..1 >"$work/out" 2>"$work/err" ;;
    plain) in_pool "$pool" timeout -k 5 $limit shipyard-mpirun --ppn 1 sh -c 'echo rank' >"$work/out" 2>"$work/err" ;;
    pipe)
      # shellcheck disable=SC2016  # expanded on the node
      in_pool "$pool" sh -c 'yes | head -c 1000 | timeout -k 5 "$1" shipyard-mpirun --stdin --ppn 1 sh -c "
        if [ \"\$OMPI_COMM_WORLD_RANK\" = 0 ]; then wc -c; else echo rank; fi"' - $limit >"$work/out" 2>"$work/err"
      ;;
  esac
}
as_expected() {  # KIND
  case $1 in
    mpi) grep -qE '^ *1 ' "$work/out" ;;
    plain) [ "$(cat "$work/out")" = $'rank\nrank' ] ;;
    pipe) [ "$(sort "$work/out")" = $'1000\nrank' ] ;;
  esac
}

hung=0 wrong=0 kinds=(mpi plain pipe)
for ((i = 0; i < count; ++i)); do
  kind=${kinds[i % 3]}
  start=$(now)
  launch "$kind"
  status=$?
  seconds_since "$start" >>"$work/times"
  echo >>"$work/times"
  if [ $status = 124 ] || [ $status = 137 ]; then
    hung=$((hung + 1))
  elif [ $status != 0 ] || ! as_expected "$kind"; then
    wrong=$((wrong + 1))
  else
    continue
  fi
  printf 'launch %s (%s): exit status %s\n' $((i + 1)) "$kind" $status
  sed 's/^/  stdout| /' "$work/out" | tail -n 5
  sed 's/^/  stderr| /' "$work/err" | tail -n 10
done

check "$count launches: as many end within $limit s each" $((count - hung)) "$count"
check "all of them with 0 and the right output" $((count - hung - wrong)) "$count"
sort -n "$work/times" | awk '{ t[NR] = $1 } END { printf "      time of a launch: min %s s, median %s s, max %s s\n", t[1], t[int((NR + 1) / 2)], t[NR] }'
echo "RESULT $((count - hung - wrong)) finished, $hung hung, $wrong ended wrongly"
finish
