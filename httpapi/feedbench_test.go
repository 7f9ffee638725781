package httpapi_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

// BenchmarkFeed is one change of a job until the last of 500 listeners has it; the store is read once for all of them.
func BenchmarkFeed(b *testing.B) {
	w := newWorld(b)
	feed := w.service.NewFeed()
	j := w.job("mara", byHand("Watched"))
	var listeners []*jobs.Listener
	for range 500 {
		l, err := feed.Listen(b.Context(), w.as("mara"), -1)
		if err != nil {
			b.Fatal(err)
		}
		listeners = append(listeners, l)
		b.Cleanup(l.Close)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		w.rename(j.ID, fmt.Sprintf("Watched %d", n))
		var wait sync.WaitGroup
		for _, l := range listeners {
			wait.Go(func() { <-l.Events })
		}
		wait.Wait()
	}
}
