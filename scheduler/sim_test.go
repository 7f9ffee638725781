package scheduler_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/carillon-go/carillon/storage/sqlite/sqlitetest"
)

// go test ./scheduler -run TestSimulation -seed 17            repeats a seed
// go test ./scheduler -run TestSimulation -seeds 1-400        many seeds, for a night
var (
	simSeed   = flag.Uint64("seed", 0, "the one seed of the simulation")
	simSeeds  = flag.String("seeds", "1-4", "first and last seed of the simulation")
	simEvents = flag.Int("events", 400, "events of each seed of the simulation")
)

func seeds(t *testing.T) (first, last uint64) {
	t.Helper()
	if *simSeed != 0 {
		return *simSeed, *simSeed
	}
	if n, err := fmt.Sscanf(*simSeeds, "%d-%d", &first, &last); n != 2 || err != nil || first == 0 || last < first {
		t.Fatalf("-seeds is %q; two numbers as 1-400", *simSeeds)
	}
	return first, last
}

func runSeed(t *testing.T, p simPlan) simOutcome {
	t.Helper()
	var out simOutcome
	t.Run(fmt.Sprint("seed ", p.seed), func(t *testing.T) {
		cryptotest.SetGlobalRandom(t, p.seed)
		out = simulate(t, p, sqlitetest.File(t, t.TempDir()))
	})
	return out
}

// The engine keeps its promises whatever happens to its processes and its store: reliability section 15.
func TestSimulation(t *testing.T) {
	first, last := seeds(t)
	total, ended := 0, 0
	for seed := first; seed <= last; seed++ {
		p := simPlan{seed: seed, events: *simEvents}
		out := runSeed(t, p)
		total, ended = total+out.events, ended+out.ended
		if out.err != nil {
			report(t, p, out)
			return
		}
	}
	t.Logf("%d events, %d runs ended", total, ended)
}

// report shows a failure with as few faults as it needs.
func report(t *testing.T, p simPlan, out simOutcome) {
	t.Helper()
	p.spare = map[int]bool{}
	for _, turn := range out.faults {
		p.spare[turn] = true
		if less := runSeed(t, p); less.err != nil {
			out = less
		} else {
			delete(p.spare, turn)
		}
	}
	t.Errorf("seed %d: %v\nfaults in the turns %v\nrepeat it: go test ./scheduler -run TestSimulation -seed %d -events %d\n%s",
		p.seed, out.err, out.faults, p.seed, p.events, strings.Join(out.recent, "\n"))
}

// The same seed is the same story.
func TestSimulation_repeats(t *testing.T) {
	p := simPlan{seed: 3, events: 400}
	one, two := runSeed(t, p), runSeed(t, p)
	if one.hash != two.hash {
		for i := range min(len(one.recent), len(two.recent)) {
			if one.recent[i] != two.recent[i] {
				t.Fatalf("the stories differ from line %d:\n%s\n%s", i, one.recent[i], two.recent[i])
			}
		}
		t.Fatalf("the stories are %s and %s", one.hash, two.hash)
	}
	other := runSeed(t, simPlan{seed: 7, events: 400})
	if other.hash == one.hash {
		t.Error("another seed gives the same story")
	}
}
