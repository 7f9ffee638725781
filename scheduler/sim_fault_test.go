package scheduler_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// decide lets a gate pass, or does something worse.
func (s *simulation) decide(rng *rand.Rand, g *gate) {
	v, text := pass, ""
	if !s.calm && rng.IntN(s.rate) == 0 && !s.plan.spare[s.turn] {
		s.faults = append(s.faults, s.turn)
		v, text = s.disturb(rng, g)
	}
	now := time.Now()
	if v == pass && (g.notBefore.After(now) && text != "" || g.node.pausedUntil.After(now)) {
		s.note("%s: %s", s.gateName(g), text)
		return // it waits on
	}
	if v == dead {
		s.note("%s: %s", s.gateName(g), text)
		return // with its node
	}
	if v == pass && g.cuttable() && (g.node.cutUntil.After(now) || g.writes && s.fullUntil.After(now)) {
		v, text = failBefore, "cannot be reached"
	}
	s.pass(rng, g, v, text)
}

func (g *gate) cuttable() bool {
	return g.kind != "compose" && g.kind != "begin" && g.kind != "end"
}

// pass releases a gate, waits for all that comes of it, and checks.
func (s *simulation) pass(rng *rand.Rand, g *gate, v verdict, text string) {
	name := s.gateName(g)
	s.leave(g)
	switch g.kind {
	case "hint":
		if v == pass {
			select {
			case g.hint <- struct{}{}:
			default: // it knows
			}
		}
	case "compose":
		g.release <- pass
		synctest.Wait()
		return // it is no call to anything outside
	case "begin":
		g.act.begin(rng, g)
		s.fault(s.view.begun(g.act))
		g.release <- pass
	case "end":
		g.act.ended = true
		g.release <- pass
	default:
		g.release <- v
	}
	s.events++
	synctest.Wait()
	s.note("%s %s %s", name, [...]string{"passes", "fails before", "fails after", "dead", "dies after"}[v], text)
	if g.writes && v != failBefore {
		s.fault(s.view.refresh(g))
	}
	if v == deadAfter {
		s.kill(g.node, time.Duration(rng.IntN(180))*time.Second, rng.IntN(2) == 0)
	}
	if s.events%500 == 0 {
		s.fault(s.view.checkAll())
	}
}

// disturb does something to a gate, its node, or the store. Pass with a text: the gate waits on if it has to.
func (s *simulation) disturb(rng *rand.Rand, g *gate) (verdict, string) {
	n, now := g.node, time.Now()
	long := time.Duration(rng.IntN(180)) * time.Second // 0 to 3 times the time-out
	switch kind := rng.IntN(20); {
	case kind < 4 && g.cuttable():
		return failBefore, ""
	case kind < 9 && g.cuttable() && g.kind != "hint":
		return failAfter, ""
	case kind < 11 && !n.dead:
		if g.cuttable() && g.kind != "hint" && rng.IntN(2) == 0 {
			return deadAfter, "killed"
		}
		s.kill(n, long, rng.IntN(2) == 0)
		return dead, "killed before"
	case kind < 13:
		n.pausedUntil, n.uneasy = now.Add(long), now.Add(long+time.Minute)
		return pass, fmt.Sprintf("paused for %s", long)
	case kind < 15:
		n.cutUntil = now.Add(long)
		return pass, fmt.Sprintf("cut off for %s", long)
	case kind == 15:
		s.setSkew(time.Duration(rng.IntN(7200)-3600) * time.Second)
		return pass, fmt.Sprintf("clocks are off by %s", s.skew)
	case kind == 16:
		s.fullUntil = now.Add(long / 3)
		return pass, fmt.Sprintf("the disk is full for %s", long/3)
	case kind == 17 && rng.IntN(3) == 0:
		if s.backup == nil || rng.IntN(2) == 0 {
			s.copyStore()
			return pass, "the store was copied"
		}
		s.restore()
		return pass, "an older copy was restored"
	}
	g.notBefore = now.Add(time.Duration(1+rng.IntN(5000)) * time.Millisecond)
	return pass, "delayed"
}

func (s *simulation) setSkew(d time.Duration) {
	s.skew = d
	for _, n := range s.nodes {
		n.engine.Skew(d)
	}
}

// exchange is that of the store; limits are not looked at if R10 is broken.
func (s *simulation) exchange(ctx context.Context, r jobs.ExchangeRequest) (*jobs.ExchangeResult, error) {
	if s.plan.broken != "R10" {
		return s.store.Exchange(ctx, r)
	}
	open := jobs.DefaultLimits()
	open.TenantConcurrency = 1000
	for _, t := range simTenants {
		if err := s.store.SetLimits(ctx, t, open, false); err != nil {
			return nil, err
		}
	}
	result, err := s.store.Exchange(ctx, r)
	for _, t := range simTenants {
		if err := s.store.SetLimits(ctx, t, s.operator.limits[t], false); err != nil {
			return nil, err
		}
	}
	return result, err
}

// olderCopy is an older state of the store, with what the simulation knew then.
type olderCopy struct {
	content  []byte
	view     *view
	operator operator
}

func (s *simulation) copyStore() {
	s.shut()
	content, err := os.ReadFile(s.path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.backup = &olderCopy{content, s.view.clone(), s.operator.clone()}
	s.open()
}

func (s *simulation) restore() {
	s.shut()
	if err := os.WriteFile(s.path, s.backup.content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	restored := s.view.restored + 1
	// What drivers have done since is done; nobody can know of it.
	s.view, s.operator = s.backup.view.clone(), s.backup.operator.clone()
	s.view.restored = restored
	s.open()
}

// settle ends all faults and orders and waits until every run has ended (I10).
func (s *simulation) settle() {
	s.calm, s.fullUntil = true, time.Time{}
	s.setSkew(0)
	now := time.Now()
	for _, n := range s.nodes {
		n.pausedUntil, n.cutUntil, n.startAt = time.Time{}, time.Time{}, now
	}
	if s.err == nil {
		s.operator.disableAll()
	}
	s.view.progress = now
	for s.err == nil && len(s.view.runs) > 0 {
		s.next(s.chance())
		if late := time.Since(s.view.movesUntil()); late > 3*jobs.DefaultLimits().Timeout {
			s.fault(fmt.Errorf("I10: nothing has moved for %s, and live are%s", late, s.view.live()))
		}
	}
	if s.err == nil {
		s.fault(s.view.checkAll())
	}
}
