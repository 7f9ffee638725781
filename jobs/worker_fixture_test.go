package jobs_test

import (
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// hands is a worker whose every exchange the test makes itself.
type hands struct {
	h    *house
	id   jobs.WorkerID
	beat int64
}

func (h *house) hands(id jobs.WorkerID, types ...string) *hands {
	h.t.Helper()
	at := time.Now()
	w := jobs.Worker{ID: id, Hostname: string(id), Status: jobs.WorkerActive, Concurrency: 8, JobTypes: types, StartedAt: at, HeartbeatAt: at}
	if err := h.store.RegisterWorker(h.t.Context(), at, w); err != nil {
		h.t.Fatal(err)
	}
	return &hands{h: h, id: id}
}

func (w *hands) exchange(want int, outcomes ...jobs.Outcome) *jobs.ExchangeResult {
	w.h.t.Helper()
	w.beat++
	result, err := w.h.store.Exchange(w.h.t.Context(), jobs.ExchangeRequest{
		Worker: w.id, Beat: w.beat, Now: time.Now(), Want: want, Outcomes: outcomes, Has: func(jobs.DriverKind, string) bool { return true },
	})
	if err != nil {
		w.h.t.Fatal(err)
	}
	return result
}

// claim takes the one run that waits.
func (w *hands) claim() jobs.Run {
	w.h.t.Helper()
	result := w.exchange(1)
	if len(result.Claimed) != 1 {
		w.h.t.Fatalf("claimed %d runs, want 1", len(result.Claimed))
	}
	return result.Claimed[0].Run
}

// end ends a run that was claimed, with every step that it has left as that state.
func (w *hands) end(r jobs.Run, state jobs.StepState, status jobs.RunStatus) {
	w.h.t.Helper()
	at, seq := time.Now(), r.Seq
	steps := append([]jobs.Step(nil), r.Steps...)
	for i := range steps {
		seq++
		steps[i].State, steps[i].EndedAt, steps[i].Seq = state, at, seq
	}
	w.exchange(0, jobs.Outcome{
		RunID: r.ID, Fence: r.Fence, Steps: steps, Seq: seq + 1, End: &jobs.RunEnd{Status: status, At: at},
		Logs: []jobs.LogEntry{{RunID: r.ID, Seq: seq + 1, Level: jobs.LogInfo, Message: "done", CreatedAt: at}},
	})
}
