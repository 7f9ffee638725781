package identity_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-go/carillon/httpapi/identity"
)

// pauseOf gives the pause for which a try is refused, zero if it is allowed.
func pauseOf(t testing.TB, err error) time.Duration {
	t.Helper()
	var throttled *identity.ThrottledError
	if err == nil {
		return 0
	}
	if !errors.As(err, &throttled) || throttled.RetryAfter <= 0 {
		t.Fatalf("a try gives %v, want none or a ThrottledError with a time", err)
	}
	return throttled.RetryAfter
}

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestThrottle_pauses_double_to_15_minutes(t *testing.T) {
	t.Parallel()
	throttle, at := identity.NewThrottle(), start
	for i := range 5 {
		if pause := pauseOf(t, throttle.Fail("mara", "192.0.2.1", at)); pause != 0 {
			t.Fatalf("try %d is refused for %s", i+1, pause)
		}
	}
	for _, want := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		pause := pauseOf(t, throttle.Fail("mara", "192.0.2.1", at))
		if pause != time.Duration(want)*time.Second {
			t.Fatalf("the pause is %s, want %d s", pause, want)
		}
		if left := pauseOf(t, throttle.Fail("mara", "192.0.2.1", at.Add(pause-time.Millisecond))); left != time.Millisecond {
			t.Fatalf("a millisecond before the end of a pause it is %s, want 1ms: tries in it may not make it longer", left)
		}
		at = at.Add(pause)
		if left := pauseOf(t, throttle.Fail("mara", "192.0.2.1", at)); left != 0 {
			t.Fatalf("at the end of the pause a try is refused for %s", left)
		}
	}
	if left := pauseOf(t, throttle.Fail("mara", "192.0.2.1", at.Add(24*time.Hour))); left != 0 {
		t.Errorf("after a day a try is refused for %s", left)
	}
	if left := pauseOf(t, throttle.Fail("mara", "192.0.2.1", at.Add(24*time.Hour))); left != 0 {
		t.Errorf("after a day a second try is refused for %s; want five free ones", left)
	}
}

func TestThrottle_pairs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, user, addr string
		refused          bool
	}{
		{"the same user and address", "mara", "2001:db8:1:2::1", true},
		{"another address of the /64", "mara", "2001:db8:1:2:ffff::9", true},
		{"another /64", "mara", "2001:db8:1:3::1", false},
		{"another user of the /64", "jo", "2001:db8:1:2::1", false},
		{"an IPv4 address", "mara", "192.0.2.1", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			throttle := identity.NewThrottle()
			for range 5 {
				pauseOf(t, throttle.Fail("mara", "2001:db8:1:2::1", start))
			}
			if refused := pauseOf(t, throttle.Fail(c.user, c.addr, start)) > 0; refused != c.refused {
				t.Errorf("a try is refused: %t, want %t", refused, c.refused)
			}
		})
	}
}

func TestThrottle_success_and_undo(t *testing.T) {
	t.Parallel()
	throttle := identity.NewThrottle()
	for range 5 {
		pauseOf(t, throttle.Fail("mara", "192.0.2.1", start))
	}
	throttle.Undo("mara", "192.0.2.1")
	if left := pauseOf(t, throttle.Fail("mara", "192.0.2.1", start)); left != 0 {
		t.Errorf("after a failure was taken back a try is refused for %s", left)
	}
	throttle.Succeed("mara", "192.0.2.1")
	throttle.Undo("mara", "192.0.2.1") // of a try that ran beside the good one
	for i := range 5 {
		if left := pauseOf(t, throttle.Fail("mara", "192.0.2.1", start)); left != 0 {
			t.Errorf("after a success try %d is refused for %s", i+1, left)
		}
	}
	if pauseOf(t, throttle.Fail("mara", "192.0.2.1", start)) == 0 {
		t.Error("after a success there are no pauses any more")
	}
}

func TestThrottle_30_tries_a_minute(t *testing.T) {
	t.Parallel()
	throttle, at := identity.NewThrottle(), start
	for i := range 30 {
		if left := pauseOf(t, throttle.Fail(fmt.Sprint("user", i), "192.0.2.1", at)); left != 0 {
			t.Fatalf("try %d of a minute is refused for %s", i+1, left)
		}
		at = at.Add(time.Second)
	}
	if left := pauseOf(t, throttle.Fail("another", "192.0.2.1", at)); left != 30*time.Second {
		t.Errorf("try 31 is refused for %s, want 30s: until the first is a minute ago", left)
	}
	if left := pauseOf(t, throttle.Fail("another", "192.0.2.2", at)); left != 0 {
		t.Errorf("a try from another address is refused for %s", left)
	}
	if left := pauseOf(t, throttle.Fail("another", "192.0.2.1", start.Add(time.Minute))); left != 0 {
		t.Errorf("a minute after the first a try is refused for %s", left)
	}
	if left := pauseOf(t, throttle.Fail("one more", "192.0.2.1", start.Add(time.Minute))); left != time.Second {
		t.Errorf("one more at that moment is refused for %s, want 1s", left)
	}
}

func TestThrottle_memory_is_bounded(t *testing.T) {
	t.Parallel()
	throttle, at := identity.NewThrottle(), start
	for i := range identity.MaxTracked + 500 {
		at = at.Add(time.Millisecond)
		addr := fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)
		if left := pauseOf(t, throttle.Fail("mara", addr, at)); left != 0 {
			t.Fatalf("the first try from %s is refused for %s", addr, left)
		}
	}
	pairs, networks := throttle.Tracked()
	if pairs != identity.MaxTracked || networks != identity.MaxTracked {
		t.Errorf("%d pairs and %d networks are remembered, want %d", pairs, networks, identity.MaxTracked)
	}
}

func TestThrottledError_Seconds(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]int{1: 1, time.Second: 1, time.Second + 1: 2, 15 * time.Minute: 900} {
		if got := (&identity.ThrottledError{RetryAfter: wait}).Seconds(); got != want {
			t.Errorf("Seconds of %s is %d, want %d", wait, got, want)
		}
	}
}
