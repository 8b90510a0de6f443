//go:build race

package kymo

const raceEnabled = true
