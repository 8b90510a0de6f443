//go:build !postgres

package pgstore

// versions are the oldest and the newest that the store is tested with.
var versions = []int{14, 18}
