//go:build postgres

package pgstore

// versions are all that the store is tested with.
var versions = []int{14, 15, 16, 17, 18}
