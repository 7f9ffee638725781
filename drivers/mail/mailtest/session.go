package mailtest

import (
	"errors"
	"io"
	"slices"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one connection.
type session struct {
	server   *Server
	conn     *smtp.Conn
	username string
	from     string
	to       []string
}

var _ smtp.AuthSession = (*session)(nil)

func (s *Server) session(c *smtp.Conn) (smtp.Session, error) {
	return &session{server: s, conn: c}, nil
}

// AuthMechanisms offers PLAIN if a log-in is demanded.
func (s *session) AuthMechanisms() []string {
	if s.server.options.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth compares with the options.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != s.server.options.Username || password != s.server.options.Password {
			return smtp.ErrAuthFailed
		}
		s.username = username
		return nil
	}), nil
}

// Mail begins a mail.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.options.Username != "" && s.username == "" {
		return smtp.ErrAuthRequired
	}
	s.from = from
	return nil
}

// Rcpt answers for one recipient as the mode says.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	mode := s.server.current()
	switch {
	case mode.DropBeforeData:
		return s.drop()
	case mode.HoldRecipient:
		return s.server.hold()
	case mode.RefuseAll, slices.Contains(mode.Refuse, to):
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	case slices.Contains(mode.Defer, to):
		return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "mailbox is busy"}
	}
	s.to = append(s.to, to)
	return nil
}

// Data takes the message and answers as the mode says.
func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	mode := s.server.current()
	if mode.DataCode != 0 {
		return &smtp.SMTPError{Code: mode.DataCode, EnhancedCode: smtp.EnhancedCode{mode.DataCode / 100, 3, 0}, Message: "not now"}
	}
	_, encrypted := s.conn.TLSConnectionState()
	if err := s.server.keep(s.from, s.to, data, encrypted, s.username); err != nil {
		return err
	}
	if mode.HoldData {
		return s.server.hold()
	}
	if mode.DropAfterData {
		return s.drop()
	}
	return nil
}

func (s *session) drop() error {
	return errors.Join(errors.New("dropped"), s.conn.Conn().Close())
}

// Reset forgets the mail that was begun.
func (s *session) Reset() { s.from, s.to = "", nil }

// Logout has nothing to free.
func (s *session) Logout() error { return nil }
