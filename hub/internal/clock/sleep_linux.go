package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// asleep returns how long the machine has slept since it was booted.
func asleep() time.Duration {
	var whole, awake unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &awake) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &whole) != nil {
		return 0
	}
	// They are read one after the other.
	return (time.Duration(whole.Nano()) - time.Duration(awake.Nano())).Truncate(time.Second)
}
