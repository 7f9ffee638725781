package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/httpapi"
	"github.com/carillon-go/carillon/jobs"
	"github.com/carillon-go/carillon/storage/folder"
)

// fileJob makes a job with an attachment that is a file, and gives the path of its contents.
func (w *world) fileJob() string {
	w.t.Helper()
	j := w.job("mara", jobs.JobSpec{Type: "ok", Name: "Filed", Actions: []jobs.ActionSpec{{
		Type: "attach", Name: "a", Attachments: []jobs.AttachmentSpec{{Type: "file", Name: "f"}},
	}}})
	a := j.Actions[0]
	return fmt.Sprintf("/api/jobs/%s/actions/%s/attachments/%s/action-attachment-file-contents", j.ID, a.ID, a.Attachments[0].ID)
}

// nothingStored holds that a failed upload has left nothing: no contents, no part of them, no row.
func (w *world) nothingStored(why string) {
	w.t.Helper()
	list, err := w.blobs.Blobs(w.t.Context(), "", 10)
	if err != nil {
		w.t.Fatal(err)
	}
	files, _, err := w.store.FileUsage(w.t.Context(), "globex")
	if err != nil || len(list) > 0 || files > 0 {
		w.t.Errorf("%s leaves %d contents and %d rows (%v)", why, len(list), files, err)
	}
}

// TestUpload_broken sends bodies over a real connection that do not come as they were announced.
func TestUpload_broken(t *testing.T) {
	w := newWorld(t)
	path := w.fileJob()
	done := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer func() { done <- struct{}{} }() // also when the answer is broken off
		w.api.ServeHTTP(rw, r)
	}))
	defer server.Close()
	head := "PUT " + path + " HTTP/1.1\r\nHost: x\r\n" + callerHeader + ": mara\r\nContent-Type: "
	form := "multipart/form-data; boundary=b\r\n"
	part := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhalf of"
	for name, c := range map[string]struct {
		request string
		// status that is answered before the connection ends; 0: the client is gone.
		status int
	}{
		"half of the bytes, then the end":            {head + "text/plain\r\nContent-Length: 100\r\n\r\nhalf", 400},
		"half of a form, then the end":               {head + form + "Content-Length: 1000\r\n\r\n" + part, 400},
		"a chunk that is cut off":                    {head + "text/plain\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf", 400},
		"a chunk of no length":                       {head + "text/plain\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n", 400},
		"a form that ends before its last line":      {head + form + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(part), part), 400},
		"more than allowed, as announced":            {head + "text/plain\r\nContent-Length: 99999999\r\n\r\nx", 413},
		"more than allowed, without being announced": {head + "text/plain\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + strings.Repeat("x", 4096) + "\r\n0\r\n\r\n", 413},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }() // the other side may have closed it
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(name, "last line") { // all that was announced has come; a client that ends then is gone
				if err := conn.(*net.TCPConn).CloseWrite(); err != nil { // as it was dialled
					t.Fatal(err)
				}
			}
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			<-done
			if err == nil {
				defer func() { _ = answer.Body.Close() }() // only read from
				if answer.StatusCode != c.status {
					t.Errorf("status %d, want %d", answer.StatusCode, c.status)
				}
			}
			w.nothingStored(name)
		})
	}
	w.check()
}

// TestUpload_memory: an upload of 25 MiB goes through the memory in pieces.
func TestUpload_memory(t *testing.T) {
	w := newWorld(t)
	blobs, err := folder.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := blobs.Close(); err != nil {
			t.Error(err)
		}
	}()
	service := jobs.NewService(w.store, w.registry, jobs.ServiceOptions{Blobs: blobs, Logger: w.logger()})
	api, err := httpapi.New(service, httpapi.Options{Authenticator: w.callers, Logger: w.logger()})
	if err != nil {
		t.Fatal(err)
	}
	path := w.fileJob()
	const size, most = jobs.MaxUpload, 8 << 20
	const before, after = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n", "\r\n--b--\r\n"
	for name, c := range map[string]struct {
		contentType string
		body        io.Reader
	}{
		"raw":  {"text/plain", io.LimitReader(letters{}, size)},
		"form": {"multipart/form-data; boundary=b", io.MultiReader(strings.NewReader(before), io.LimitReader(letters{}, size), strings.NewReader(after))},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, path, c.body)
		r.ContentLength = -1
		r.Header.Set("Content-Type", c.contentType)
		r.Header.Set(callerHeader, "mara")
		answer := httptest.NewRecorder()
		var start, end runtime.MemStats
		runtime.ReadMemStats(&start)
		api.ServeHTTP(answer, r)
		runtime.ReadMemStats(&end)
		if answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), `"size":26214400`) {
			t.Fatalf("%s: %d: %s", name, answer.Code, answer.Body)
		}
		if taken := end.TotalAlloc - start.TotalAlloc; taken > most {
			t.Errorf("%s: an upload of %d bytes took %d bytes of memory; at most %d", name, int64(size), taken, most)
		}
	}
}

// letters gives the same letter for ever.
type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestUpload_noStore: a system without a store for files says so.
func TestUpload_noStore(t *testing.T) {
	w := newWorld(t)
	api, err := httpapi.New(jobs.NewService(w.store, w.registry, jobs.ServiceOptions{Logger: w.logger()}), httpapi.Options{Authenticator: w.callers, Logger: w.logger()})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, w.fileJob(), strings.NewReader("x"))
	r.Header.Set(callerHeader, "mara")
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, r)
	if answer.Code != http.StatusConflict || !strings.Contains(answer.Body.String(), "no store for files") {
		t.Errorf("status %d, want 409: %s", answer.Code, answer.Body)
	}
}

// FuzzDisposition: the name of a file goes out and comes back as it was, and any header is read without harm.
func FuzzDisposition(f *testing.F) {
	for _, seed := range []string{
		"count.csv", "Größe ∑.csv", `a"b\c`, "../../etc/passwd", "a;b=c", "%41", "attachment; filename=x", "\x00\n\r", "日本語", strings.Repeat("é", 200) + ".csv",
		`attachment; filename*=UTF-8''%e2%82%ac; filename="x"`, `attachment; filename="a`, "a\u202egpj.exe", " . ", "'", "filename*0=a; filename*1=b",
		strings.Repeat("a", jobs.MaxFileName-1) + " b", // cut behind a space
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := jobs.CleanFileName(text)
		if len(clean) > jobs.MaxFileName || strings.ContainsAny(clean, "/\\\r\n\x00") || jobs.CleanFileName(clean) != clean {
			t.Errorf("CleanFileName(%q) = %q", text, clean)
		}
		header := httpapi.Disposition(text)
		if strings.ContainsAny(header, "\r\n") {
			t.Errorf("the header of %q has more than one line: %q", text, header)
		}
		name, err := httpapi.DispositionName([]string{header})
		if want := clean; err != nil || name != want && (want != "" || name != "file") {
			t.Errorf("%q goes out as %q and comes back as %q, %v", clean, header, name, err)
		}
		if name, err := httpapi.DispositionName([]string{text}); err == nil && name != "" {
			if _, _, fault := mime.ParseMediaType(text); fault != nil {
				t.Errorf("a name %q is read from %q, which is no header: %v", name, text, fault)
			}
		}
	})
}

// FuzzUpload: no body of a form is stored unless it is one part that ends in order.
func FuzzUpload(f *testing.F) {
	const head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n"
	for _, seed := range []string{
		head + "x\r\n--b--\r\n", head + "x", "", "--b--", head + "x\r\n--b\r\n\r\ny\r\n--b--", strings.Repeat("\r\n", 100), "--b\r\n" + strings.Repeat("a: b\r\n", 100),
		"--b\nContent-Disposition: form-data; name=\"file\"\n\nx\n--b--",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPut, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		upload, err := httpapi.ReadUpload(r, 1000)
		if err != nil {
			return
		}
		text, err := io.ReadAll(upload.Contents)
		if err == nil && (!strings.Contains(body, string(text)) || !strings.Contains(body, "--b--") || strings.Count(body, "--b") < 2) {
			t.Errorf("%q is read as %q", body, text)
		}
	})
}
