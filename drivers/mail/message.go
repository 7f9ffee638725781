package mail

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of rule R60 and of RFC 5321, section 4.5.3.
const (
	// MaxRecipients is the number of addresses in To, Cc and Bcc together.
	MaxRecipients = 100
	// MaxMessage is the size of the message as it is sent, attachments encoded, in bytes.
	MaxMessage = 25 << 20

	maxAddress = 254
	maxLocal   = 64
	maxName    = 200
	maxType    = 255
	// A header line has at most 998 bytes, and one long word cannot be folded.
	maxSubject = 900
	maxKey     = 128
)

// Message is one mail. It has no field for headers on purpose: nobody can add one.
type Message struct {
	// From is one of the sender's identities, or empty for the default one. A display name is free.
	From string
	// To, Cc, Bcc and ReplyTo hold one address each: "ann@example.com" or "Ann <ann@example.com>".
	To, Cc, Bcc, ReplyTo []string
	Subject              string
	// Text and HTML: one of them at least; with both, the reader's program chooses.
	Text, HTML string
	// Key is the effect key of the step; it becomes the left side of Message-ID (rule R19), so that a repeated mail can be
	// recognised. Letters, digits, dot, hyphen and underscore. Empty means a random one.
	Key         string
	Attachments []Attachment
}

// Attachment is a file of a message.
type Attachment struct {
	// Name is shown to the reader.
	Name string
	// ContentType is application/octet-stream when empty.
	ContentType string
	// Open gives the contents; it is called once per Send and the reader is closed.
	Open func() (io.ReadCloser, error)
	// Size is the length in bytes if it is known, else 0. Contents of another length are an error.
	Size int64
}

// FieldError is one fault of a message.
type FieldError struct {
	// Field is the name in Message with an index: "to[2]", "attachments[0].name", "replyTo[0]".
	Field string
	// Message is the reason without the field.
	Message string
}

// InvalidError lists all faults of a message, not the first.
type InvalidError struct{ Fields []FieldError }

// Error names every field and its reason.
func (e *InvalidError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + " " + f.Message
	}
	return strings.Join(parts, "; ")
}

// envelope is a message whose addresses were parsed.
type envelope struct {
	from                 *mail.Address
	to, cc, bcc, replyTo []*mail.Address
}

// Validate checks a message without sending it. The error is an *InvalidError. Whether the contents of attachments fit is
// known only when they are read.
func (s *Sender) Validate(m Message) error {
	_, err := s.parse(m)
	return err
}

func (s *Sender) parse(m Message) (*envelope, error) {
	var faults []FieldError
	add := func(field, format string, args ...any) {
		faults = append(faults, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
	list := func(field string, texts []string) (parsed []*mail.Address) {
		if len(texts) > MaxRecipients {
			add(field, "has more than %d addresses", MaxRecipients)
			return nil
		}
		for i, text := range texts {
			address, err := parseAddress(text)
			if err != nil {
				add(fmt.Sprintf("%s[%d]", field, i), "%v", err)
				continue
			}
			parsed = append(parsed, address)
		}
		return parsed
	}

	e := &envelope{to: list("to", m.To), cc: list("cc", m.Cc), bcc: list("bcc", m.Bcc), replyTo: list("replyTo", m.ReplyTo)}
	switch n := len(m.To) + len(m.Cc) + len(m.Bcc); {
	case n == 0:
		add("to", "needs at least one address")
	case n > MaxRecipients && len(m.To) <= MaxRecipients:
		add("to", "has more than %d addresses together with cc and bcc", MaxRecipients)
	}
	var err error
	if e.from, err = s.identity(m.From); err != nil {
		add("from", "%v", err)
	}
	if hasControl(m.Subject) || !utf8.ValidString(m.Subject) {
		add("subject", "must be one line of text")
	}
	if len(m.Subject) > maxSubject {
		add("subject", "is longer than %d bytes", maxSubject)
	}
	if m.Text == "" && m.HTML == "" {
		add("text", "is needed, or html")
	}
	if len(m.Text)+len(m.HTML) > MaxMessage {
		add("text", "and html are larger than %d bytes", MaxMessage)
	}
	if len(m.Key) > maxKey || strings.ContainsFunc(m.Key, func(r rune) bool { return !isKeyRune(r) }) ||
		strings.HasPrefix(m.Key, ".") || strings.HasSuffix(m.Key, ".") || strings.Contains(m.Key, "..") {
		add("key", "must be letters, digits, dots, hyphens and underscores, at most %d", maxKey)
	}

	var total int64
	for i, a := range m.Attachments {
		field := fmt.Sprintf("attachments[%d]", i)
		if a.Name == "" || len(a.Name) > 255 || hasControl(a.Name) || !utf8.ValidString(a.Name) {
			add(field+".name", "must be one line of 1 to 255 bytes")
		}
		if a.ContentType != "" {
			if kind, params, err := mime.ParseMediaType(a.ContentType); err != nil || len(a.ContentType) > maxType || hasControl(a.ContentType) ||
				!strings.Contains(kind, "/") || strings.HasPrefix(kind, "multipart/") || mime.FormatMediaType(kind, params) == "" {
				add(field+".contentType", "must be a media type")
			}
		}
		if a.Open == nil {
			add(field, "has no contents")
		}
		if a.Size < 0 {
			add(field+".size", "is negative")
			continue
		}
		if a.Size > MaxMessage || total > MaxMessage {
			total = MaxMessage + 1 // enough to know; a sum could overflow
			continue
		}
		total += a.Size
	}
	if total > MaxMessage {
		add("attachments", "are larger than %d bytes together", MaxMessage)
	}
	if faults != nil {
		return nil, &InvalidError{Fields: faults}
	}
	return e, nil
}

// identity finds the identity that a message names. Its address is the operator's, byte by byte; the display name is the
// message's if it gives one.
func (s *Sender) identity(text string) (*mail.Address, error) {
	if text == "" {
		return s.identities[0], nil
	}
	asked, err := parseAddress(text)
	if err != nil {
		return nil, err
	}
	for _, known := range s.identities {
		if lowerASCII(known.Address) == lowerASCII(asked.Address) {
			name := asked.Name
			if name == "" {
				name = known.Name
			}
			return &mail.Address{Name: name, Address: known.Address}, nil
		}
	}
	return nil, errors.New("is not a sender that is allowed here")
}

// lowerASCII folds ASCII letters only: with Unicode's folding, other letters would equal ASCII ones.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// parseAddress reads exactly one address. It is stricter than the standard: no quoted local part and no address literal as
// domain, because both need care in every place that writes them, and nobody misses them.
func parseAddress(text string) (*mail.Address, error) {
	if len(text) > 1000 {
		return nil, errors.New("is longer than 1000 bytes")
	}
	if hasControl(text) {
		return nil, errors.New("has a line break or another control character")
	}
	address, err := mail.ParseAddress(text)
	if err != nil {
		return nil, errors.New("is not one mail address")
	}
	at := strings.LastIndex(address.Address, "@")
	if at < 1 {
		return nil, errors.New("is not one mail address")
	}
	local, domain := address.Address[:at], address.Address[at+1:]
	switch {
	case len(address.Address) > maxAddress || len(local) > maxLocal:
		return nil, errors.New("is too long for a mail address")
	case !utf8.ValidString(text) || !isDotAtom(local, "!#$%&'*+-/=?^_`{|}~") || !isDotAtom(domain, "-"):
		return nil, errors.New("is not a plain mail address like name@example.com")
	case len(address.Name) > maxName || hasControl(address.Name) || !utf8.ValidString(address.Name):
		return nil, errors.New("has a display name that is too long or has control characters")
	}
	return address, nil
}

// isDotAtom accepts words of letters, digits and the given signs, with single dots between them. Letters may be of any
// script; whether the server takes them is asked when the mail is sent.
func isDotAtom(s, signs string) bool {
	for word := range strings.SplitSeq(s, ".") {
		if word == "" {
			return false
		}
		for _, r := range word {
			plain := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
			foreign := r > unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
			if !plain && !foreign && !strings.ContainsRune(signs, r) {
				return false
			}
		}
	}
	return true
}

func isKeyRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '-' || r == '_'
}

// hasControl also finds the line and paragraph separators of Unicode, which some programs take for line breaks.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' })
}
