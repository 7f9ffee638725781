//go:build race

package storagetest

// raceDetector makes every statement some ten times slower.
const raceDetector = true
