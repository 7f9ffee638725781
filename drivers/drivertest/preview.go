package drivertest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/carillon-go/carillon/jobs"
)

var previewRules = []rule{
	{"a preview is JSON, the same each time, and has no effect", previewed},
}

func previewed(ctx context.Context, s Subject) error {
	p, ok := s.Driver.(jobs.Previewer)
	if !ok || !s.Driver.Info().Preview {
		return skip("the driver has no previews")
	}
	task := newStep(s, s.Good).task
	var texts [2][]byte
	for i := range texts {
		preview, err := p.Preview(ctx, task)
		if err != nil {
			return err
		}
		if err := jsonWithin(preview); err != nil {
			return err
		}
		if texts[i], err = json.Marshal(preview); err != nil {
			return err
		}
	}
	if !bytes.Equal(texts[0], texts[1]) {
		return fmt.Errorf("two previews differ: %s and %s", texts[0], texts[1])
	}
	if s.Effects != nil && len(s.Effects()) > 0 {
		return fmt.Errorf("a preview had effects: %q", s.Effects())
	}
	return nil
}
