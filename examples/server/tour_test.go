package main_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTour lets the tour walk every route of a fresh server, twice: it takes away what it makes.
func TestTour(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err == nil {
		_, err = exec.LookPath("curl")
	}
	if err != nil {
		t.Fatalf("the tour needs bash and curl: %v", err)
	}
	p := start(t, t.TempDir(), "-smtp", "smtp://127.0.0.1:1?tls=none&from=tour@carillon.example")
	for range 2 {
		out, err := exec.CommandContext(t.Context(), bash, "tour.sh", p.url, token).CombinedOutput()
		text := string(out)
		if err != nil || !strings.Contains(text, "\ntour: ") {
			t.Fatalf("tour: %v\n%s", err, text[max(0, len(text)-3000):])
		}
	}
}
