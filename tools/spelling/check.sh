#!/usr/bin/env bash
# Checks the words that people read: US English, with the words of words.txt and
# without the phrases and names that this project's English avoids (see
# docs/glossary.md). It prints what it finds, and fails if that is anything.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=tools/spelling

# Where phrases and names are checked. Users of tests may be called nobody.
rooms=(. ":!$here" ':!**/testdata')

failed=0
none() { # none TITLE: fails if there is anything on standard input
	local out
	out=$(cat)
	if [[ -n $out ]]; then
		printf '%s\n%s\n' "$1" "$out"
		failed=1
	fi
}
found() { git grep -n --untracked -I "$@" || (($? == 1)); } # git grep, where no match is no failure

unknown() {
	git ls-files --cached --others --exclude-standard |
		"$here/node_modules/.bin/cspell" lint --config "$here/cspell.json" \
			--no-progress --no-summary --no-must-find-files --file-list stdin
}
lower() { tr '[:upper:]' '[:lower:]' | LC_ALL=C sort -u; }
unused() { # a word within another is not found by the first search
	comm -13 <(found -h -o -i -F -f "$here/words.txt" -- ":!$here/words.txt" | lower) "$here/words.txt" |
		while read -r word; do
			git grep -q -i --untracked -F "$word" -- ":!$here/words.txt" || echo "$word"
		done
}

tools/npm.sh "$here" >&2
none "Not in the dictionary. If it is a word, add it to $here/words.txt:" < <(unknown)
none 'To be written more plainly:' < <(found -i -E -f "$here/phrases.txt" -- "${rooms[@]}")
none 'Names that mislead; use default, min, max, heartbeat, directory:' < <(
	found -E -f "$here/names.txt" -- "${rooms[@]}" ':!docs/glossary.md')
none "$here/words.txt is not sorted:" < <(LC_ALL=C sort -c "$here/words.txt" 2>&1)
none "Words of $here/words.txt that occur nowhere:" < <(unused)
exit $failed
