package probe

import "time"

// walMarks measures how far standbys are behind, as their primary sees it. The
// primary's own number, replay_lag, is that of the last record a standby has
// replayed, so it stays small forever on a standby that has stopped replaying.
// Therefore each run marks how much of the log was written by then. What was
// written at a mark and has not been replayed is late since that mark.
type walMarks []walMark

type walMark struct {
	at      time.Time
	written int64 // bytes of the log, from its beginning
}

// maxMarks is enough for hours at the default interval. Beyond that the marks
// are thinned out, and the lag is less precise.
const maxMarks = 1024

// lag marks what is written now, and returns for how long the oldest of what is
// not replayed has been waiting.
func (m *walMarks) lag(now time.Time, written, replayed int64) time.Duration {
	done := 0
	for done < len(*m) && (*m)[done].written <= replayed {
		done++
	}
	*m = append((*m)[:0], (*m)[done:]...)
	if written <= replayed {
		return 0
	}
	if n := len(*m); n == 0 || (*m)[n-1].written < written {
		*m = append(*m, walMark{now, written})
	}
	if len(*m) > maxMarks {
		for i := range maxMarks / 2 {
			(*m)[i] = (*m)[2*i]
		}
		*m = append((*m)[:maxMarks/2], (*m)[maxMarks:]...)
	}
	return now.Sub((*m)[0].at)
}
