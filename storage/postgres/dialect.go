package postgres

import (
	"database/sql"
	"strconv"
	"strings"
	"sync"
)

// schema is where all tables are.
const schema = "carillon"

// tables and functions are the names that get the schema in front; no search_path is set, because that would be state of a session.
var (
	tables = nameSet(`audit changes cluster driver_sets files fires idempotency job_favorites job_handovers job_revisions job_shares job_tags
		job_workers jobs last_runs removed_principals revision_files run_history run_logs run_totals runs sessions tags team_members teams tenant_keys tenants tokens users`)
	functions = nameSet("json_valid json_extract json_each")
	// beforeTable are the words that a table follows.
	beforeTable = nameSet("from join into update")
)

func nameSet(names string) map[string]bool {
	set := map[string]bool{}
	for _, name := range strings.Fields(names) {
		set[name] = true
	}
	return set
}

// spelling has the phrases that are said otherwise. A list is an array that is made once, so that its items are looked up in an index.
var spelling = strings.NewReplacer(
	"NOT IN LIST(?)", "<> ALL (ARRAY(SELECT json_array_elements_text(CAST(? AS JSON))))",
	"IN LIST(?)", "= ANY (ARRAY(SELECT json_array_elements_text(CAST(? AS JSON))))",
	"NOT IN NUMBERS(?)", "<> ALL (ARRAY(SELECT CAST(json_array_elements_text(CAST(? AS JSON)) AS BIGINT)))",
	"IN NUMBERS(?)", "= ANY (ARRAY(SELECT CAST(json_array_elements_text(CAST(? AS JSON)) AS BIGINT)))",
	"IN ONCE(", "= ANY (ARRAY(",
	"SKIP LOCKED)ONCE", "FOR UPDATE SKIP LOCKED))",
	")ONCE", "))",
	"(trigger_kind = 'backfill') = 0", "(trigger_kind = 'backfill') = FALSE",
	"(trigger_kind = 'backfill') = 1", "(trigger_kind = 'backfill') = TRUE",
)

// constants remembers the rewritten form of statements that do not change; there are some hundred.
type constants struct {
	mu    sync.RWMutex // guards the field below
	texts map[string]string
}

func (c *constants) rewrite(query string) string {
	c.mu.RLock()
	text, ok := c.texts[query]
	c.mu.RUnlock()
	if ok {
		return text
	}
	text = rewrite(query)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.texts) < maxConstants { // lists are put together for each call; not all of them are kept
		c.texts[query] = text
	}
	return text
}

const maxConstants = 1000

// rewrite spells a statement of the core for PostgreSQL: numbered parameters, the schema before tables, and spelling.
func rewrite(query string) string {
	query = spelling.Replace(query)
	var out strings.Builder
	out.Grow(len(query) + 64)
	number, table := 0, false
	for i := 0; i < len(query); {
		end := i + 1
		switch c := query[i]; {
		case c == '\'':
			end = i + 1 + strings.IndexByte(query[i+1:], '\'') + 1
			out.WriteString(query[i:end])
			table = false
		case c == '?':
			for end < len(query) && query[end] >= '0' && query[end] <= '9' {
				end++
			}
			out.WriteByte('$')
			if end > i+1 {
				out.WriteString(query[i+1 : end])
			} else {
				number++
				out.WriteString(strconv.Itoa(number))
			}
		case isLetter(c):
			for end < len(query) && (isLetter(query[end]) || query[end] >= '0' && query[end] <= '9') {
				end++
			}
			word := query[i:end]
			if table && tables[word] || functions[word] {
				out.WriteString(schema + ".")
			}
			out.WriteString(word)
			table = beforeTable[strings.ToLower(word)]
		default:
			out.WriteByte(c)
			table = table && (c == ' ' || c == '\n' || c == '\t')
		}
		i = end
	}
	return out.String()
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// Rewrite is sqlstore.Database.
func (d *database) Rewrite(query string) string { return d.texts.rewrite(query) }

// ReadOptions is sqlstore.Database.
func (d *database) ReadOptions() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

// Prepares is sqlstore.Database: the driver keeps statements for each connection, unless the connection string says that it must not.
func (d *database) Prepares() bool { return false }

// Remote is sqlstore.Database.
func (d *database) Remote() bool { return true }
