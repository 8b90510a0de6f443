package intake

import "github.com/kymohq/kymo/internal/wire"

// maxProcesses bounds the processes of a batch: a sender that gathers requests has those of a
// fleet, and one that makes up a name for each request must not give a store as many to remember.
const maxProcesses = 1000

// overProcesses stands for the processes over the limit.
var overProcesses = wire.Process{Instance: wire.Other}

// limitProcesses puts requests of processes over the limit under overProcesses.
func limitProcesses(b *wire.Batch) {
	for i := maxProcesses + 1; i < len(b.Processes); i++ {
		b.Processes[i] = overProcesses
	}
}
