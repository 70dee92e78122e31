# Sourced, in the project's directory: recipes/NAME, and the images that their READMEs build.
#   commands NAME SECTION  the commands of a section: its lines that are indented by four spaces. (Output is between ```.)
#   shown NAME             those between ``` that stand behind "$ "
#   build_recipe NAME      by these of "Build"
#   remove_recipe_images   what was not there before
# shellcheck shell=bash
recipe_images=()
recipe_layers=()

commands() {
  awk -v section="## $2" '/^## / { on = $0 == section } /^```/ { fenced = !fenced } on && !fenced && sub(/^    /, "")' "recipes/$1/README.md"
}

shown() { awk '/^```/ { fenced = !fenced } fenced && sub(/^\$ /, "")' "recipes/$1/README.md"; }

build_recipe() {
  local line image=shipyard/recipe-$1 log status=0 layer before
  log=$(mktemp)
  before=$(docker images --all --quiet)
  if ! docker image inspect "$image" >/dev/null 2>&1; then recipe_images+=("$image"); fi
  while IFS= read -r line; do
    bash -c "$line" </dev/null >"$log" 2>&1 || { status=$?; tail -n 20 "$log"; }
    # The classic builder leaves the last layer of each stage, untagged.
    if [[ " ${recipe_images[*]} " = *" $image "* ]]; then
      while IFS= read -r layer; do
        grep -qx "$layer" <<<"$before" || recipe_layers=("$layer" "${recipe_layers[@]}")
      done < <(sed -n 's/^ ---> \([0-9a-f]\{12\}\)$/\1/p' "$log")
    fi
  done < <(commands "$1" Build)
  rm -f "$log"
  [ "$status" = 0 ] && docker image inspect "$image" >/dev/null 2>&1
}

remove_recipe_images() {
  [ ${#recipe_images[@]} = 0 ] || docker rmi "${recipe_images[@]}" >/dev/null 2>&1
  [ ${#recipe_layers[@]} = 0 ] || docker rmi "${recipe_layers[@]}" >/dev/null 2>&1
  true
}
