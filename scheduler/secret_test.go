package scheduler_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/scheduler"
)

const canary = "canary-7Yq!/Zz\"secret"

// R63: a secret reaches the driver whole, and nothing that leaves the step shows it.
func TestScheduler_keepsSecrets(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store := openStore(t, dir)
		var engineLog bytes.Buffer
		w := &world{TB: t, store: store, drivers: &registry{}, log: slog.New(slog.NewTextHandler(&engineLog, &slog.HandlerOptions{Level: slog.LevelDebug}))}
		wrapper, err := jobs.NewKey([]byte("0123456789abcdef0123456789abcdef"))
		if err != nil {
			t.Fatal(err)
		}
		vault := jobs.NewVault(store, wrapper)
		var seen []string
		leak := func(ctx context.Context, task *jobs.Task) (jobs.Output, error) {
			var data struct{ Password, Text string }
			if err := json.Unmarshal(task.Data, &data); err != nil {
				return jobs.Output{}, err
			}
			seen = append(seen, data.Password, data.Text)
			s := data.Password
			task.Log.Info("password "+s, "p", s, "list", []string{s}, "err", errors.New(s), slog.Group("g", s, 1))
			task.Log.With("with", s).Info(base64.StdEncoding.EncodeToString([]byte("user:" + s)))
			task.Progress(10, url.QueryEscape(s))
			time.Sleep(time.Second)
			switch data.Text {
			case "fail 0":
				return jobs.Output{}, fmt.Errorf("server said: %s", s)
			case "panic 0":
				panic(s)
			}
			return jobs.Output{Data: map[string]any{s: s, "in": []any{"x" + s + "x"}}, Message: "used " + s}, nil
		}
		w.work(leak)
		w.action("act", leak)
		var all []jobs.RunID
		e := w.engine(store, scheduler.Options{Vault: vault})
		for _, kind := range []string{"succeed", "fail", "panic"} {
			j := w.job(func(j *jobs.Job) {
				j.Data = json.RawMessage(`{"text":"` + kind + ` ${run.params.n}"}`)
				j.Secrets = w.seal(vault, j.ID, "data.password")
				a := action("act", nil)
				a.Data = json.RawMessage(`{"text":"${driver.data}"}`)
				a.Secrets = w.seal(vault, j.ID, "actions."+string(a.ID)+".data.password")
				j.Actions = []jobs.Action{a}
			})
			all = append(all, w.queue(j))
		}
		w.ended(all[0], jobs.RunSuccess)
		w.ended(all[1], jobs.RunError)
		w.ended(all[2], jobs.RunError)
		e.stop()
		if len(seen) != 8 || seen[0] != canary {
			t.Errorf("the drivers saw %q, want the secret in 4 calls", seen)
		}

		// A secret whose vault is missing is an error of its job alone.
		e = w.engine(store, scheduler.Options{})
		j := w.job(func(j *jobs.Job) { j.Secrets = w.seal(vault, j.ID, "data.password") })
		if r := w.ended(w.queue(j), jobs.RunError); !strings.Contains(r.Error, "no vault") {
			t.Errorf("the error without a vault is %q", r.Error)
		}
		e.stop()
		// One that was sealed for another job does not open.
		e = w.engine(store, scheduler.Options{Vault: vault})
		j = w.job(func(j *jobs.Job) { j.Secrets = w.seal(vault, "another", "data.password") })
		w.ended(w.queue(j), jobs.RunError)
		e.stop()

		for _, id := range all {
			w.noCanary("steps", fmt.Sprintf("%+v", w.run(id)))
			for _, s := range w.run(id).Steps {
				w.noCanary("output", string(s.Output))
			}
			for _, entry := range w.logs(id) {
				w.noCanary("log", entry.Message+string(entry.Data))
			}
		}
		w.noCanary("log of the engine", engineLog.String())
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files of the store: %v", err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w.noCanary(filepath.Base(file), string(text))
		}
	})
}

func (w *world) seal(v *jobs.Vault, job jobs.ID, field string) jobs.Secrets {
	w.Helper()
	text, err := json.Marshal(canary)
	if err != nil {
		w.Fatal(err)
	}
	s, err := v.Seal(context.Background(), jobs.SecretRef{Tenant: tenant, Job: job, Field: field}, text)
	if err != nil {
		w.Fatal("Seal:", err)
	}
	return jobs.Secrets{"password": s}
}

// noCanary looks for the secret in all forms that text takes.
func (w *world) noCanary(where, text string) {
	w.Helper()
	quoted, err := json.Marshal(canary)
	if err != nil {
		w.Fatal(err)
	}
	for _, form := range []string{
		canary, string(quoted[1 : len(quoted)-1]), url.QueryEscape(canary), "canary-7Yq",
		base64.StdEncoding.EncodeToString([]byte("user:" + canary))[8:24],
	} {
		if i := strings.Index(text, form); i >= 0 {
			w.Errorf("%s shows the secret: …%s…", where, text[max(0, i-40):min(len(text), i+60)])
		}
	}
}
