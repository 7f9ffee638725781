package postgres_test

import (
	"testing"

	"github.com/carillon-go/carillon/storage/postgres"
)

func TestRewrite(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"parameters", "SELECT ? WHERE a = ? AND b = ?", "SELECT $1 WHERE a = $2 AND b = $3"},
		{"numbered parameters", "SELECT ?1 WHERE a = ?2 AND b = ?1 AND c = ?12", "SELECT $1 WHERE a = $2 AND b = $1 AND c = $12"},
		{"a text", "SELECT '?', 'from jobs' WHERE a = ?", "SELECT '?', 'from jobs' WHERE a = $1"},
		{"tables", "SELECT runs.id FROM   runs JOIN\n jobs j ON j.id = runs.job_id", "SELECT runs.id FROM   carillon.runs JOIN\n carillon.jobs j ON j.id = runs.job_id"},
		{"writes", "INSERT INTO tags (name) SELECT 1; UPDATE users SET a = 1; DELETE FROM files", "INSERT INTO carillon.tags (name) SELECT 1; UPDATE carillon.users SET a = 1; DELETE FROM carillon.files"},
		{"columns called as tables", "SELECT jobs, files FROM tenants", "SELECT jobs, files FROM carillon.tenants"},
		{"other names", "SELECT 1 FROM g, (SELECT 1) AS jobs FOR UPDATE", "SELECT 1 FROM g, (SELECT 1) AS jobs FOR UPDATE"},
		{"functions", "SELECT json_valid(a)", "SELECT carillon.json_valid(a)"},
		{"a list", "id IN LIST(?) AND x = ?", "id = ANY (ARRAY(SELECT json_array_elements_text(CAST($1 AS JSON)))) AND x = $2"},
		{"not in numbers", "n NOT IN NUMBERS(?)", "n <> ALL (ARRAY(SELECT CAST(json_array_elements_text(CAST($1 AS JSON)) AS BIGINT)))"},
		{"a claim", "id IN ONCE(SELECT id FROM runs LIMIT ? SKIP LOCKED)ONCE", "id = ANY (ARRAY(SELECT id FROM carillon.runs LIMIT $1 FOR UPDATE SKIP LOCKED))"},
	} {
		if got := postgres.Rewrite(c.in); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestStorable(t *testing.T) {
	for in, want := range map[string]string{
		"":             "",
		"Grüße, 世界":    "Grüße, 世界",
		"a\x00b":       "a\uFFFDb",
		"a\xff\xfeb":   "a\uFFFDb",
		"\x00\xc3\x28": "\uFFFD\uFFFD(",
	} {
		if got := postgres.Storable(in); got != want {
			t.Errorf("%q is stored as %q, want %q", in, got, want)
		}
	}
}
