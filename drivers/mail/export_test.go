package mail

import "context"

// Write is the message as it would be sent.
func (s *Sender) Write(ctx context.Context, m Message) ([]byte, error) {
	e, err := s.parse(m)
	if err != nil {
		return nil, err
	}
	body, _, err := write(ctx, m, e)
	return body, err
}
