#!/bin/bash
# package.sh SUITE: the Debian packages for this release, installed with apt in a clean container of it, and used there.
# For Debian 12 they are made of this build; for Debian 13 in a container, of what its image was built of.
# shellcheck disable=SC2016  # for the shell in the container
set -u
suite=$1
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
# shellcheck source=tests/cluster/lib/check.sh
. "$here/lib/check.sh"
docker info >/dev/null 2>&1 || { echo "no container engine answers: run scripts/setup"; exit 1; }
for program in lintian dpkg-shlibdeps file; do
  command -v $program >/dev/null || skip "$program is not installed: run scripts/setup"
done
work=$(mktemp -d)
container=shipyard-test-package-$suite-$$
trap 'docker rm -f "$container" >/dev/null 2>&1; rm -rf "$work"' EXIT
version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")

# --- The packages.
names='shipyard-batch shipyard-benchmarks shipyard-mpirun'
case $suite in
  bookworm) release=deb12 ;;
  trixie) release=deb13 ;;
esac
case $suite in
  bookworm)
    grep -q '^VERSION_ID="12"' /etc/os-release || skip 'this machine is not Debian 12, for which it would build'
    cpack --config "$SHIPYARD_BUILD_DIR/CPackConfig.cmake" -B "$work/packages" >"$work/log" 2>&1 || { tail -n 20 "$work/log"; exit 1; }
    rm -rf "$work/packages/_CPack_Packages"
    ;;
  trixie)
    "$root/scripts/build-package" --base debian13 --output "$work/packages" >"$work/log" 2>&1 ||
      { tail -n 20 "$work/log"; exit 1; }
    ;;
esac
check 'one package for each set of dependencies' "$(cd "$work/packages" && printf '%s\n' *.deb | paste -sd ' ')" \
  "$(for name in $names; do echo "${name}_$version-1~${release}_$(dpkg --print-architecture).deb"; done | paste -sd ' ')"
lintian --fail-on error --tag-display-limit 0 "$work"/packages/*.deb >"$work/log" 2>&1
check 'lintian has looked, and finds no error' "$? $(grep '^E:' "$work/log")" '0 '
field() { dpkg-deb -f "$work/packages/$1"_*.deb "$2"; }
check 'the launcher depends on no MPI' "$(field shipyard-mpirun Depends | grep -oE 'openmpi|mpich')" ''
check_contains 'but recommends one of them' "$(field shipyard-mpirun Recommends)" 'openmpi-bin | mpich'
check_contains 'it depends on the library that looks at the hardware' "$(field shipyard-mpirun Depends)" libhwloc15
check_contains 'the benchmarks depend on the MPI of the build' "$(field shipyard-benchmarks Depends)" libopenmpi
files=$(for package in "$work"/packages/*.deb; do dpkg-deb -c "$package" | awk '{ print $6 }'; done)
check 'only programs, man pages, completions, examples, and what Debian wants' "$(grep -v '/$' <<<"$files" | grep -vE \
  '^\./usr/(bin|libexec/shipyard|share/(man/man1|bash-completion/completions|doc/shipyard-[a-z]+(/examples)?|lintian/overrides))/[^/]+$|^\./usr/libexec/shipyard/bench/[^/]+$')" ''
mapfile -t programs < <(grep -E '^\./usr/bin/.|/bench/[^/]+$' <<<"$files")
for program in "${programs[@]}"; do
  check "${program##*/} has a man page" "$(grep -cE "/man1/${program##*/}\.1(shipyard)?\.gz$" <<<"$files")" 1
done

# --- A clean container. The small base images leave man pages out by a setting of dpkg.
for base in "debian:$suite-slim" "shipyard-base:$suite"; do
  if docker image inspect "$base" >/dev/null 2>&1; then break; fi
done
docker run -d --rm --network host --name "$container" --shm-size 256m "$base" sleep 1000 >/dev/null || exit 1
docker cp "$work/packages" "$container:/packages" >/dev/null || exit 1
inside() { timeout 300 docker exec -i "$container" bash -c "$1" 2>&1; }
inside 'rm -f /etc/dpkg/dpkg.cfg.d/*; apt-get update' >"$work/log" || { tail -n 20 "$work/log"; exit 1; }
check 'apt brings Open MPI along' \
  "$(inside 'apt-get install --simulate /packages/shipyard-mpirun_*.deb | grep -oE "^Inst (shipyard-mpirun|mpich|openmpi-bin)" | sort | paste -sd " "')" \
  'Inst openmpi-bin Inst shipyard-mpirun'
check 'with MPICH, apt brings no Open MPI' \
  "$(inside 'apt-get install --simulate /packages/shipyard-mpirun_*.deb mpich | grep -oE "^Inst (shipyard-mpirun|mpich|openmpi-bin)" | sort | paste -sd " "')" \
  'Inst mpich Inst shipyard-mpirun'
inside 'DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openmpi-bin man-db bash-completion /packages/*.deb' \
  >"$work/log" || { tail -n 20 "$work/log"; exit 1; }
check 'apt has installed them all' "$(inside 'dpkg -l "shipyard-*" | grep -c ^ii')" "$(wc -w <<<"$names")"

# --- Used there.
check 'the version' "$(inside 'shipyard-mpirun --version')" "shipyard-mpirun $version"
check 'no library is missing' "$(inside 'find /usr/bin/shipyard-* /usr/libexec/shipyard -type f -exec ldd {} + 2>/dev/null | grep "not found"')" ''
check 'a program on two ranks' \
  "$(inside 'shipyard-mpirun --oversubscribe -n 2 sh -c "echo rank \$OMPI_COMM_WORLD_RANK of \$OMPI_COMM_WORLD_SIZE" 2>/dev/null | sort | paste -sd " "')" \
  'rank 0 of 2 rank 1 of 2'
inside 'shipyard-mpirun -n 2 --oversubscribe sh -c "exit 3"' >/dev/null
check 'its exit status' $? 3
check 'the helper beside the ranks is that of the package' \
  "$(inside 'shipyard-mpirun -n 1 --dry-run true' | grep -oE '/[^ ]*/shipyard-rank' | sort -u)" /usr/libexec/shipyard/shipyard-rank
check 'the hostfile tool' "$(inside 'shipyard-hostfile --hosts 10.0.0.4,10.0.0.5 --slots 2')" \
  "$(printf '10.0.0.4 slots=2\n10.0.0.5 slots=2')"
output=$(inside 'PATH=$PATH:/usr/libexec/shipyard/bench shipyard-mpirun -n 2 --oversubscribe pingpong --quick --sizes 8')
check 'pingpong: exit status' $? 0
check 'pingpong: a line for the size' "$(grep -cE '^ +8 +[0-9.]+ ' <<<"$output")" 1
check 'the preflight finds its benchmark' \
  "$(inside 'shipyard-mpirun -n 1 --dry-run --preflight 20s --explain true >/dev/null; echo $?')" 0

check_contains 'man shipyard-mpirun' "$(inside 'man shipyard-mpirun | grep -A 1 "^NAME"')" 'shipyard-mpirun - start an MPI program'
check_contains 'man pingpong' "$(inside 'man pingpong | grep -A 1 -e --validate')" 'Compare every byte that arrives'
# As an interactive bash loads completions: by the name of the command, at the first time.
complete_line='
  . /usr/share/bash-completion/bash_completion
  compopt() { :; }
  offered() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=() COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMP_TYPE=9
    complete -p "$1" >/dev/null 2>&1 || { _comp_load -- "$1" || __load_completion "$1"; } 2>/dev/null
    "$(complete -p "$1" | sed "s/.* -F \([^ ]*\) .*/\1/")" "$1" "${*: -1}" "${*: -2:1}"
    printf "%s\n" "${COMPREPLY[@]}" | paste -sd " "
  }'
check 'completion of a value' "$(inside "$complete_line; offered shipyard-mpirun --ppn n")" numa
check 'completion behind the program is the program'"'"'s' \
  "$(inside "$complete_line; offered shipyard-mpirun -n 2 shipyard-hostfile --form")" --format

check_contains 'the example of a job makes requests' \
  "$(inside 'shipyard-submit render /usr/share/doc/shipyard-batch/examples/job.yaml' | grep commandLine)" 'shipyard-mpirun pi'
check_contains 'man shipyard-submit has the keys of a job file' "$(inside 'man shipyard-submit | grep -A 1 limits.time')" 'of the task'
check_contains 'a pool is planned' \
  "$(inside 'shipyard-local run --engine docker -n 2 --image my/app --dry-run -- true')" 'docker run'
check_contains 'completion of a command of two words' "$(inside "$complete_line; offered shipyard-submit pool cr")" create

# --- And taken away again.
inside 'DEBIAN_FRONTEND=noninteractive apt-get purge -y "shipyard-*"' >"$work/log" || { tail -n 20 "$work/log"; exit 1; }
check 'nothing is left of them' "$(inside 'find /usr /etc /var/lib/dpkg/info -name "*shipyard*"')" ''

finish
