package mail_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-go/carillon/drivers/mail"
	"github.com/carillon-go/carillon/drivers/mail/mailtest"
)

func opener(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

func TestSender_Validate(t *testing.T) {
	t.Parallel()
	sender := newSender(t, mail.Settings{Host: "h", From: "jobs@carillon.test"})
	many := make([]string, 101)
	for i := range many {
		many[i] = "a@example.com"
	}
	some := opener(nil)
	for _, c := range []struct {
		name   string
		change func(*mail.Message)
		want   []string
	}{
		{"nothing wrong", func(m *mail.Message) {}, nil},
		{"a hundred recipients", func(m *mail.Message) { m.To, m.Bcc = many[:50], many[:50] }, nil},
		{"no recipient", func(m *mail.Message) { m.To = nil }, []string{"to"}},
		{"too many in one list", func(m *mail.Message) { m.To = many }, []string{"to"}},
		{"too many together", func(m *mail.Message) { m.Cc = many[:50]; m.Bcc = many[:50] }, []string{"to"}},
		{"a list in one entry", func(m *mail.Message) { m.To = []string{"a@example.com, b@example.com"} }, []string{"to[0]"}},
		{"a group", func(m *mail.Message) { m.To = []string{"g: a@example.com, b@example.com;"} }, []string{"to[0]"}},
		{"line breaks", func(m *mail.Message) {
			m.To = []string{"a@example.com\r\nBcc: x@example.com"}
			m.Cc = []string{"\"a\nb\" <c@example.com>"}
			m.ReplyTo = []string{"=?utf-8?q?a=0D=0AX=3A_y?= <c@example.com>"}
			m.From = "jobs@carillon.test\n"
			m.Subject = "a\r\nBcc: x@example.com"
		}, []string{"to[0]", "cc[0]", "replyTo[0]", "from", "subject"}},
		{"hostile local parts and domains", func(m *mail.Message) {
			m.To = []string{`"a b"@example.com`, `"a>\r\nDATA"@example.com`, "a@[127.0.0.1]", "a@b..c", "a", "@b", "<>", `"a@b"@c`, "a@exa\u2028mple.com"}
		}, []string{"to[0]", "to[1]", "to[2]", "to[3]", "to[4]", "to[5]", "to[6]", "to[7]", "to[8]"}},
		{"too long an address", func(m *mail.Message) { m.To = []string{strings.Repeat("a", 65) + "@example.com"} }, []string{"to[0]"}},
		{"a subject that cannot be folded", func(m *mail.Message) { m.Subject = strings.Repeat("x", 901) }, []string{"subject"}},
		{"no body", func(m *mail.Message) { m.Text = "" }, []string{"text"}},
		{"a key that breaks out", func(m *mail.Message) { m.Key = "a>\r\nX: y" }, []string{"key"}},
		{"a key with empty parts", func(m *mail.Message) { m.Key = "a..b" }, []string{"key"}},
		{"attachments", func(m *mail.Message) {
			m.Attachments = []mail.Attachment{
				{Name: "a\r\nb", Open: some},
				{Name: "", Open: some},
				{Name: "ok.csv", ContentType: "text/csv; charset=utf-8", Open: some},
				{Name: "x", ContentType: "text/csv\r\nX: y", Open: some},
				{Name: "x", ContentType: "multipart/mixed", Open: some},
				{Name: "x"},
				{Name: "x", Open: some, Size: -1},
			}
		}, []string{"attachments[0].name", "attachments[1].name", "attachments[3].contentType", "attachments[4].contentType", "attachments[5]", "attachments[6].size"}},
		{"sizes that overflow a sum", func(m *mail.Message) {
			m.Attachments = []mail.Attachment{{Name: "x", Open: some, Size: 1 << 62}, {Name: "x", Open: some, Size: 1 << 62}, {Name: "y", Open: some, Size: 1}}
		}, []string{"attachments"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := plain("ann@example.com")
			c.change(&m)
			err := sender.Validate(m)
			var invalid *mail.InvalidError
			var got []string
			if errors.As(err, &invalid) {
				for _, f := range invalid.Fields {
					got = append(got, f.Field)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != (c.want == nil) {
				t.Errorf("Validate = %v; fields (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestSender_Compose(t *testing.T) {
	t.Parallel()
	sender := newSender(t, mail.Settings{Host: "h", From: "Jobs <jobs@carillon.test>"})
	m := plain(" ann@example.com ")
	m.Bcc, m.HTML = []string{"Bob B. <bob@example.com>"}, "<p>x</p>"
	m.Attachments = []mail.Attachment{{Name: "a.csv", Open: func() (io.ReadCloser, error) {
		t.Error("the attachment was opened")
		return nil, errors.New("no")
	}}}
	got, err := sender.Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	want := mail.Composed{
		From: `"Jobs" <jobs@carillon.test>`, To: []string{"<ann@example.com>"}, Bcc: []string{`"Bob B." <bob@example.com>`},
		Subject: "Done", Text: "All is well.\n", HTML: "<p>x</p>", Attachments: []string{"a.csv"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Compose (-want +got):\n%s", diff)
	}
	if _, err := sender.Compose(mail.Message{}); err == nil {
		t.Error("Compose of nothing = nil")
	}
}

func TestSender_Send_parts(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	data := bytes.Repeat([]byte{0, 1, 2, '\r', '\n', '.', 255}, 20000)
	m := plain()
	m.Bcc, m.Key = []string{"a@example.com"}, ""
	m.Subject = "Größe"
	m.Text, m.HTML = "one\n.\n..two ä\rthree", "<p>ä</p>"
	m.Attachments = []mail.Attachment{
		{Name: `übersicht "1".csv`, ContentType: "text/csv; charset=utf-8", Open: opener(data), Size: int64(len(data))},
		{Name: "../../etc/passwd", Open: opener(nil)},
	}
	got, err := newSender(t, server.Settings()).Send(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	r := server.Messages()[0]
	if id := r.Header.Get("Message-Id"); id != got.MessageID || len(id) < 30 {
		t.Errorf("Message-ID %q, result %q", id, got.MessageID)
	}
	if to := r.Header.Get("To"); to != "undisclosed-recipients:;" {
		t.Errorf("To = %q", to)
	}
	if subject, err := new(mime.WordDecoder).DecodeHeader(r.Header.Get("Subject")); err != nil || subject != m.Subject {
		t.Errorf("Subject = %q, %v", subject, err)
	}
	parsed, err := netmail.ReadMessage(strings.NewReader(r.Data))
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	walk(t, parsed.Header.Get("Content-Type"), parsed.Body, func(kind, name string, content []byte) {
		if strings.HasSuffix(name, ".csv") && bytes.Equal(content, data) {
			content = []byte("all of it")
		}
		seen = append(seen, kind+"|"+name+"|"+string(content))
	})
	want := []string{
		"text/plain||one\r\n.\r\n..two ä\r\nthree", "text/html||<p>ä</p>",
		`text/csv|übersicht "1".csv|all of it`, "application/octet-stream|passwd|",
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

// walk calls f for each part that is no multipart.
func walk(t testing.TB, contentType string, body io.Reader, f func(kind, name string, content []byte)) {
	t.Helper()
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	for r := multipart.NewReader(body, params["boundary"]); ; {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(kind, "multipart/") {
			walk(t, part.Header.Get("Content-Type"), part, f)
			continue
		}
		var content io.Reader = part
		if part.Header.Get("Content-Transfer-Encoding") == "base64" {
			content = base64.NewDecoder(base64.StdEncoding, part)
		}
		data, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		f(kind, part.FileName(), data)
	}
}

type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) { e.read += int64(len(p)); return len(p), nil }
func (e *endless) Close() error               { return nil }

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }
func (failing) Close() error             { return nil }

func TestSender_Send_attachmentsThatFail(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, mailtest.Options{})
	sender := newSender(t, server.Settings())
	stream := &endless{}
	open := func(r io.ReadCloser, err error) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return r, err }
	}
	large := opener(make([]byte, 10<<20))
	for _, c := range []struct {
		name string
		list []mail.Attachment
		kind mail.Kind
		part string
	}{
		{"not to be opened", []mail.Attachment{{Name: "a", Open: open(nil, errors.New("gone"))}, {Name: "b", Open: opener(nil)}}, mail.Temporary, `"a": open: gone`},
		{"broken", []mail.Attachment{{Name: "a", Open: open(failing{}, nil)}}, mail.Temporary, "disk on fire"},
		{"shorter than it said", []mail.Attachment{{Name: "a", Open: opener([]byte("abc")), Size: 4}}, mail.Temporary, "3 bytes instead of 4"},
		{"endless", []mail.Attachment{{Name: "a", Open: open(stream, nil)}}, mail.Permanent, "larger than"},
		{"too large once encoded", []mail.Attachment{{Name: "a", Open: large}, {Name: "b", Open: large}}, mail.Permanent, "larger than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := plain("a@example.com")
			m.Attachments = c.list
			_, err := sender.Send(t.Context(), m)
			wantKind(t, err, c.kind, c.part)
		})
	}
	if stream.read > mail.MaxMessage+1<<20 {
		t.Errorf("%d bytes were read of an endless attachment", stream.read)
	}
	if n := len(server.Messages()); n != 0 {
		t.Errorf("%d mails received, want none", n)
	}
}

// FuzzMessage: whatever is accepted is composed into addresses that parse to themselves, and into a mail whose header has
// exactly the fields that we write, however the values look.
func FuzzMessage(f *testing.F) {
	f.Add("ann@example.com", "Ann <ann@example.com>", "Hello", "a.csv", "text/csv", "K")
	f.Add(`"a b"@x.y`, "=?utf-8?q?a=0Ab?= <c@d.e>", "a\r\nBcc: x@y.z", "a\"\r\nb", "text/x; a=\"b\r\nc\"", ".")
	f.Add("ä@ö.ü", "\"a, b\" <c@d.e>", "=?utf-8?q?=0D=0A?=", "..", "a/b; c*=utf-8''%0d%0a", "a>b")
	f.Add("a@b.c", "c@d.e", strings.Repeat("x", 900), strings.Repeat("ü", 127), "a/"+strings.Repeat("b", 200), strings.Repeat("k", 128))
	sender, err := mail.New(mail.Settings{Host: "h", From: "jobs@carillon.test"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, to, replyTo, subject, name, kind, key string) {
		m := mail.Message{
			To: []string{to}, ReplyTo: []string{replyTo}, Subject: subject, Text: "x", Key: key,
			Attachments: []mail.Attachment{{Name: name, ContentType: kind, Open: opener([]byte("y"))}},
		}
		c, err := sender.Compose(m)
		if err != nil {
			t.Skip()
		}
		again, err := sender.Compose(mail.Message{To: c.To, ReplyTo: c.ReplyTo, Text: "x"})
		if err != nil || !cmp.Equal(again.To, c.To) || !cmp.Equal(again.ReplyTo, c.ReplyTo) {
			t.Fatalf("%q, %q become %q, %q: %v", c.To, c.ReplyTo, again.To, again.ReplyTo, err)
		}
		data, err := sender.Write(t.Context(), m)
		if err != nil {
			t.Fatalf("write: %v", err)
		}
		parsed, err := netmail.ReadMessage(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		var names []string
		for _, n := range []string{"To", "From", "Reply-To", "Subject", "Date", "Message-Id", "Mime-Version", "Auto-Submitted", "Content-Type"} {
			if len(parsed.Header[n]) == 1 {
				names = append(names, n)
			}
		}
		if len(names) != len(parsed.Header) || len(names) != 9 {
			t.Fatalf("header fields %v\n%s", parsed.Header, data)
		}
		parts := 0
		walk(t, parsed.Header.Get("Content-Type"), parsed.Body, func(string, string, []byte) { parts++ })
		if parts != 2 || bytes.Contains(bytes.ReplaceAll(data, []byte("\r\n"), nil), []byte("\n")) {
			t.Fatalf("%d parts, or a line break of its own\n%s", parts, data)
		}
		for line := range bytes.Lines(data) {
			if len(line) > 1000 {
				t.Fatalf("a line of %d bytes\n%s", len(line), data)
			}
		}
	})
}
