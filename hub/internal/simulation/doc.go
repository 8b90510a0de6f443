// Package simulation tests a hub over the embedded store against faults, in virtual time.
//
// A number, the seed, makes a schedule (schedule_test.go): the settings of the hub, which
// kinds of steps are frequent, and the steps. They send batches, new ones, late ones and
// ones that were sent before; let time pass; cut the power, at any operation of the disk;
// let the disk fail, be full or be slow; set the clock wrong; damage files; and ask.
//
// The steps are carried out on a real hub over a real store, on a disk in memory
// (disk_test.go), in a bubble of testing/synctest (world_test.go), where hours cost
// nothing. Beside it a model (model_test.go) knows each batch that was sent, what was
// handed to the store, and what was acknowledged. From time to time the store's answers are
// compared with it (check_test.go):
//
//   - What was acknowledged is there, once, until it is older than the retention.
//   - What was not acknowledged is there once and whole, or not at all.
//   - Rollups of any window hold exactly the requests that are there, and quantiles are
//     within the histogram's error of the exact ones.
//   - A wrong clock deletes nothing that is within the retention by the true time, and what
//     is older is deleted once the clock is right.
//   - A disk that fails or is full costs nothing that was acknowledged. Batches are taken
//     again once it works.
//   - Damage costs what was damaged, and the store knows where that was.
//
// A seed that fails is run again with fewer steps, until none can be left out. The same
// seed gives the same schedule. The order in which Pebble's goroutines run may differ, so a
// failure that depends on it may need several runs.
package simulation
