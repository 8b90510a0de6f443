package fleet

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// supersede removes the silent instances that newer instances have replaced.
//
// An instance is one run of a process. A process that is killed and started
// again is two instances, the first of which never sends a farewell, so a
// restart looks like a loss until the new instance is recognized as the
// replacement. A silent instance is superseded by one whose first heartbeat
// arrived after its own last heartbeat:
//
//   - An instance that was there before the other fell silent is no replacement:
//     both were meant to run, and one is lost.
//   - An instance supersedes one other at most. If two are lost and one new one
//     comes, one is still missing.
//   - The new instance need not be alive. In a crash loop each instance
//     supersedes the one before it, and only the newest counts.
//   - An instance that sent a farewell supersedes none: a job that runs for a few
//     seconds under the name of the service must not hide a loss.
//
// One case is undecidable: an instance that is added for another reason between
// the last heartbeat of a lost instance and the lost one's expiry is taken for
// its replacement. Waiting until the instance is silent keeps this rare: live
// instances have sent a heartbeat since the new one came.
func (f *Fleet) supersede(s *service, now time.Time) {
	var silent []*instance
	for _, in := range s.instances {
		if now.Sub(in.last) > s.silence {
			silent = append(silent, in)
		}
	}
	if len(silent) == 0 {
		return
	}
	slices.SortFunc(silent, func(a, b *instance) int {
		return cmp.Or(a.last.Compare(b.last), cmp.Compare(a.id, b.id))
	})
	var newer []*instance
	for _, in := range s.instances {
		if !in.superseding && in.first.After(silent[0].last) {
			newer = append(newer, in)
		}
	}
	if len(newer) == 0 {
		return
	}
	slices.SortFunc(newer, func(a, b *instance) int {
		return cmp.Or(a.first.Compare(b.first), cmp.Compare(a.id, b.id))
	})
	pair(silent, newer)
	for _, in := range silent {
		if in.superseded {
			f.remove(s, in.id)
		}
	}
}

// pair marks which of the silent instances, ordered by their last heartbeat,
// are superseded by which of the newer ones, ordered by their first. A restart
// on the same host is the likeliest replacement, so these pairs are made first.
func pair(silent, newer []*instance) {
	silentOf, newerOf := byHost(silent), byHost(newer)
	for host, instances := range silentOf {
		if host != "" {
			match(instances, newerOf[host])
		}
	}
	match(silent, newer)
}

// match gives each silent instance the earliest of the newer ones that is free.
// An instance that came too early for one that fell silent first came too early
// for all after it, so this leaves as few without a replacement as possible.
func match(silent, newer []*instance) {
	for _, in := range silent {
		if in.superseded {
			continue
		}
		for len(newer) > 0 && (newer[0].superseding || !newer[0].first.After(in.last)) {
			newer = newer[1:]
		}
		if len(newer) == 0 {
			return
		}
		in.superseded, newer[0].superseding = true, true
	}
}

func byHost(instances []*instance) map[string][]*instance {
	hosts := make(map[string][]*instance)
	for _, in := range instances {
		h := host(in.id)
		hosts[h] = append(hosts[h], in)
	}
	return hosts
}

// host returns the host of an instance that an SDK named host-pid-random, or ""
// if the name has another form.
func host(id string) string {
	rest, _, ok := cutLast(id)
	if !ok {
		return ""
	}
	name, pid, _ := cutLast(rest)
	if strings.Trim(pid, "0123456789") != "" {
		return ""
	}
	return name
}

// cutLast cuts s around its last dash.
func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}
