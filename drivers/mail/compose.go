package mail

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// Composed is what a message would be, for a preview. Addresses are written as they would be sent.
type Composed struct {
	From                 string
	To, Cc, Bcc, ReplyTo []string
	Subject, Text, HTML  string
	// Attachments are their names.
	Attachments []string
}

// Compose resolves a message without sending it and without opening its attachments. The error is an *InvalidError.
func (s *Sender) Compose(m Message) (Composed, error) {
	e, err := s.parse(m)
	if err != nil {
		return Composed{}, err
	}
	c := Composed{
		From: e.from.String(), To: texts(e.to), Cc: texts(e.cc), Bcc: texts(e.bcc), ReplyTo: texts(e.replyTo),
		Subject: m.Subject, Text: m.Text, HTML: m.HTML,
	}
	for _, a := range m.Attachments {
		c.Attachments = append(c.Attachments, a.Name)
	}
	return c, nil
}

// texts writes addresses for people: names of other scripts stay readable.
func texts(addresses []*mail.Address) []string {
	var list []string
	for _, a := range addresses {
		list = append(list, a.String())
	}
	return list
}

// write composes the whole message in memory, so that an attachment that cannot be read or is too large is known before the
// server is called. The answer is the message and its Message-ID.
func write(ctx context.Context, m Message, e *envelope) (body []byte, id string, err error) {
	key := m.Key
	if key == "" {
		key = rand.Text()
	}
	id = key + "@" + asciiDomain(e.from.Address)

	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(e.from)
	if len(e.to) > 0 {
		msg.SetAddrHeaderFromMailAddress(gomail.HeaderTo, e.to...)
	} else {
		// A group without members is the usual form of "to nobody that you may see".
		msg.SetGenHeaderPreformatted(gomail.Header("To"), "undisclosed-recipients:;")
	}
	if len(e.cc) > 0 {
		msg.SetAddrHeaderFromMailAddress(gomail.HeaderCc, e.cc...)
	}
	msg.ReplyToMailAddress(e.replyTo...)
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(id)
	// RFC 3834: asks other programs not to answer, such as those of people on holiday.
	msg.SetGenHeader(gomail.Header("Auto-Submitted"), "auto-generated")
	switch {
	case m.Text != "" && m.HTML != "":
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	case m.HTML != "":
		msg.SetBodyString(gomail.TypeTextHTML, m.HTML)
	default:
		msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	}

	var failed error // the first fault of an attachment: go-mail may replace it by one that follows from it
	files := make([]*gomail.File, len(m.Attachments))
	for i, a := range m.Attachments {
		files[i] = file(a, func(w io.Writer) (int64, error) {
			n, err := copyContents(ctx, w, a)
			if err != nil && failed == nil {
				failed = fmt.Errorf("attachment %q: %w", a.Name, err)
			}
			return n, err
		})
	}
	msg.SetAttachments(files)

	out := &limitedBuffer{limit: MaxMessage}
	if _, err := msg.WriteTo(out); err != nil || failed != nil {
		if failed != nil {
			return nil, "", failed
		}
		return nil, "", fmt.Errorf("compose: %w", err)
	}
	return out.Bytes(), "<" + id + ">", nil
}

// file sets the headers of a part itself: go-mail would write the name in a form that RFC 2047 forbids there.
func file(a Attachment, contents func(io.Writer) (int64, error)) *gomail.File {
	kind := "application/octet-stream"
	if a.ContentType != "" {
		// Validate has parsed it.
		if parsed, params, err := mime.ParseMediaType(a.ContentType); err == nil {
			kind = mime.FormatMediaType(parsed, params)
		}
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Type", kind)
	header.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.Name}))
	return &gomail.File{Name: a.Name, Header: header, Writer: contents}
}

// copyContents reads one attachment, never more than a message may hold.
func copyContents(ctx context.Context, w io.Writer, a Attachment) (n int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	r, err := a.Open()
	if err != nil {
		return 0, fmt.Errorf("open: %w", err)
	}
	// Only read from: an error of closing takes nothing away from what was read.
	defer func() { _ = r.Close() }()
	n, err = io.Copy(w, io.LimitReader(&contextReader{ctx, r}, MaxMessage+1))
	switch {
	case err != nil:
		return n, fmt.Errorf("read: %w", err)
	case n > MaxMessage:
		return n, errTooLarge
	case a.Size > 0 && n != a.Size:
		return n, fmt.Errorf("has %d bytes instead of %d", n, a.Size)
	}
	return n, nil
}

// contextReader stops between two reads when the context has ended.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// limitedBuffer is a bytes.Buffer that refuses to grow beyond limit.
type limitedBuffer struct {
	bytes.Buffer
	limit int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		return 0, errTooLarge
	}
	return b.Buffer.Write(p)
}

// asciiDomain is the domain of an address for places that take ASCII only.
func asciiDomain(address string) string {
	domain := address[strings.LastIndex(address, "@")+1:]
	if !isASCII(domain) {
		return "localhost"
	}
	return domain
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
