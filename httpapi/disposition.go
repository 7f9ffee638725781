package httpapi

import (
	"errors"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/carillon-go/carillon/jobs"
)

// dispositionName reads the file name of a Content-Disposition header (RFC 6266): filename* before filename. Without header or name it is
// empty. The name is as it was sent, and has to be cleaned.
func dispositionName(headers []string) (string, error) {
	switch {
	case len(headers) == 0:
		return "", nil
	case len(headers) > 1:
		return "", errors.New("is given more than once")
	}
	_, params, err := mime.ParseMediaType(headers[0])
	if err != nil || !utf8.ValidString(params["filename"]) {
		return "", errors.New(`cannot be read; it is written attachment; filename="count.csv"`)
	}
	return params["filename"], nil
}

// disposition writes a Content-Disposition header that offers a file under its name. Names outside of ASCII are written twice, as RFC 6266
// asks: filename is for old programs, filename* holds the name itself.
func disposition(name string) string {
	if name = jobs.CleanFileName(name); name == "" {
		name = "file"
	}
	var plain, extended strings.Builder
	same := true
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '"' || c == '\\':
			plain.WriteByte('\\')
			plain.WriteByte(c)
		case c < utf8.RuneSelf:
			plain.WriteByte(c)
		default:
			same = false
			if utf8.RuneStart(c) {
				plain.WriteByte('_')
			}
		}
		if attributeChar(c) {
			extended.WriteByte(c)
			continue
		}
		const digits = "0123456789ABCDEF"
		extended.WriteString(string([]byte{'%', digits[c>>4], digits[c&15]}))
	}
	header := `attachment; filename="` + plain.String() + `"`
	if same {
		return header
	}
	return header + "; filename*=UTF-8''" + extended.String()
}

// attributeChar is attr-char of RFC 8187.
func attributeChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0
}
