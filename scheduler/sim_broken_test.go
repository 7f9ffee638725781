package scheduler_test

import (
	"strings"
	"testing"
)

// TestSimulation_notices: an engine or a store that breaks a rule is found, by the invariant that the rule is for. R4 and R6 have no such proof yet.
func TestSimulation_notices(t *testing.T) {
	for _, c := range []struct {
		rule, invariant string
		seed            uint64
	}{
		{"R3", "I5: ", 1},
		{"R5", "R5: ", 2},
		{"R10", "I2: ", 7},
		{"R18", "I6: ", 3},
	} {
		p := simPlan{seed: c.seed, events: 400, broken: c.rule}
		if out := runSeed(t, p); out.err == nil || !strings.Contains(out.err.Error(), c.invariant) {
			t.Errorf("%s is broken, and seed %d says: %v", c.rule, c.seed, out.err)
		}
	}
}
