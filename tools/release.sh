#!/usr/bin/env bash
# Makes a release, and pushes nothing: a commit on top of the current one, on no
# branch, and the tags of all published modules on it. In the commit
#   - every module requires this version of the SDK, so that the modules of one
#     release are used together;
#   - the built dashboard is present, which is ignored otherwise: go install has
#     no Node.js.
# The checkout stays as it is, but for the dashboard built in it.
# Usage: tools/release.sh VERSION
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=${1:-}
sdk=github.com/kymohq/kymo
dashboard=hub/internal/web/dist

refuse() {
	printf 'release: %s\n' "$1" >&2
	exit 1
}

# Higher major versions would be part of the modules' paths.
number='(0|[1-9][0-9]*)'
identifier='(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)'
[[ $version =~ ^v[01]\.$number\.$number(-$identifier(\.$identifier)*)?$ ]] ||
	refuse "VERSION must be like v0.1.0 or v0.2.0-rc.1, not \"$version\""

[[ -z $(git status --porcelain) ]] || refuse 'there are changes that are not committed'

grep -qF "## [${version#v}]" CHANGELOG.md ||
	refuse "CHANGELOG.md has no section [${version#v}]: give what is in [Unreleased] this heading and a date"

published=$(tools/modules.sh published)
workspace=$(tools/modules.sh listed)

tags=()
for module in $published; do
	tag=$version
	if [[ $module != . ]]; then
		tag=$module/$version
	fi
	if git rev-parse -q --verify "refs/tags/$tag" >/dev/null; then
		refuse "the tag $tag exists"
	fi
	tags+=("$tag")
done

command -v npm >/dev/null || refuse 'Node.js is needed to build the dashboard'
tools/ui.sh

# From here on everything happens in a second working tree.
tree=$PWD/build/release
made=()
clean_up() {
	local status=$?
	git worktree remove --force "$tree"
	if ((status != 0)); then
		for tag in "${made[@]}"; do
			git tag -d "$tag" >/dev/null
		done
	fi
}
trap clean_up EXIT
if [[ -e $tree ]]; then
	git worktree remove --force "$tree" # a run before was killed
fi
git worktree add -q --detach "$tree" HEAD

for module in $workspace; do
	if grep -q "$sdk v" "$tree/$module/go.mod"; then
		go mod edit -require "$sdk@$version" "$tree/$module/go.mod"
	fi
done
sed -i "s|^replace $sdk v.* => \./\$|replace $sdk $version => ./|" "$tree/go.work"
cp -R "$dashboard/." "$tree/$dashboard"
"$tree/tools/modules.sh" check

git -C "$tree" add --all
git -C "$tree" add --force "$dashboard"
git -C "$tree" commit -q -m "release $version" -m 'The modules require this version of the SDK, and the dashboard is built.'
for tag in "${tags[@]}"; do
	git tag -a -m "Kymo $version" "$tag" "$(git -C "$tree" rev-parse HEAD)"
	made+=("$tag")
done
printf 'Made %s. To publish it: git push REMOTE %s\n' "$version" "${tags[*]}"
