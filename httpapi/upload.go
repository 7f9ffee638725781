package httpapi

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

const (
	// maxContentType bounds the type of an upload, in bytes.
	maxContentType = 255
	// maxPartHeader bounds what stands before and after the contents of a multipart body, in bytes: headers, boundaries, text around them.
	maxPartHeader = 64 << 10
	multipartForm = "multipart/form-data"
)

// readUpload makes an upload of a request (contract 8.8): a multipart body with one part, or the raw bytes. Nothing of the contents has
// been read when it returns; what is wrong with the body is an error of the reader.
func readUpload(r *http.Request, limit int64) (jobs.Upload, error) {
	if r.Header.Get("Content-Encoding") != "" {
		return jobs.Upload{}, fail(http.StatusUnsupportedMediaType, "The body has to be sent without a Content-Encoding")
	}
	mediaType, params := "", map[string]string{}
	if header := r.Header.Get("Content-Type"); header != "" {
		var err error
		if mediaType, params, err = mime.ParseMediaType(header); err != nil {
			return jobs.Upload{}, badHeader("Content-Type", "is not a media type")
		}
	}
	most := limit
	if mediaType == multipartForm {
		most += 2 * maxPartHeader
	}
	if r.ContentLength > most {
		return jobs.Upload{}, &jobs.TooLargeError{Limit: limit}
	}
	body := &uploadBody{r: http.MaxBytesReader(nil, r.Body, most+1), limit: limit}
	switch {
	case mediaType == multipartForm:
		return readPart(body, params["boundary"])
	case strings.HasPrefix(mediaType, "multipart/"):
		return jobs.Upload{}, fail(http.StatusUnsupportedMediaType, "The body has to be %s or the bytes of the file", multipartForm)
	}
	name, err := dispositionName(r.Header.Values("Content-Disposition"))
	if err != nil {
		return jobs.Upload{}, badHeader("Content-Disposition", "%s", err)
	}
	contentType, err := cleanContentType(r.Header.Get("Content-Type"))
	if err != nil {
		return jobs.Upload{}, badHeader("Content-Type", "%s", err)
	}
	return jobs.Upload{Name: name, ContentType: contentType, Contents: body}, nil
}

// uploadBody is the body of an upload. Its errors are answers to the caller: the fault is the request's, and not that of whoever stores it.
type uploadBody struct {
	r     io.Reader
	limit int64
	// budget bounds what may still be read while nothing of it is contents; negative: no bound.
	budget  int64
	bounded bool
}

func (b *uploadBody) Read(p []byte) (int, error) {
	if b.bounded {
		if b.budget <= 0 {
			return 0, fail(http.StatusBadRequest, "The headers of the multipart body have more than %d bytes", maxPartHeader)
		}
		p = p[:min(int64(len(p)), b.budget)]
	}
	n, err := b.r.Read(p)
	b.budget -= int64(n)
	if err == nil || err == io.EOF { // as io.Reader has it
		return n, err
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return n, &jobs.TooLargeError{Limit: b.limit}
	}
	return n, fail(http.StatusBadRequest, "The body could not be read to its end")
}

// bound lets only so many bytes be read from here on, until it is lifted.
func (b *uploadBody) bound(bounded bool) { b.bounded, b.budget = bounded, maxPartHeader }

// filePart is the contents of a multipart body with exactly one part.
type filePart struct {
	body   *uploadBody
	reader *multipart.Reader
	part   *multipart.Part
}

// readPart reads up to the contents of the first part.
func readPart(body *uploadBody, boundary string) (jobs.Upload, error) {
	// RFC 2046, section 5.1.1.
	if boundary == "" || len(boundary) > 70 {
		return jobs.Upload{}, badHeader("Content-Type", "has no boundary of 1 to 70 characters")
	}
	p := &filePart{body: body, reader: multipart.NewReader(body, boundary)}
	body.bound(true)
	// Raw: without the decoding of Content-Transfer-Encoding, which forms do not have (RFC 7578, section 4.7).
	var err error
	p.part, err = p.reader.NextRawPart()
	switch {
	case err == io.EOF: //nolint:errorlint // the end of the body in order; one that is cut off is an error of another kind
		return jobs.Upload{}, fail(http.StatusBadRequest, "The multipart body has no part; it has to have one, named \"file\"")
	case err != nil:
		return jobs.Upload{}, multipartError(err)
	}
	if err := checkPart(p.part.Header); err != nil {
		return jobs.Upload{}, err
	}
	name, err := dispositionName(p.part.Header.Values("Content-Disposition"))
	if err != nil {
		return jobs.Upload{}, fail(http.StatusBadRequest, "The Content-Disposition of the part %s", err)
	}
	contentType, err := cleanContentType(p.part.Header.Get("Content-Type"))
	if err != nil {
		return jobs.Upload{}, fail(http.StatusBadRequest, "The Content-Type of the part %s", err)
	}
	body.bound(false)
	return jobs.Upload{Name: name, ContentType: contentType, Contents: p}, nil
}

// checkPart holds that a part is the one that is expected.
func checkPart(h textproto.MIMEHeader) error {
	switch strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding"))) {
	case "", "7bit", "8bit", "binary":
	default:
		return fail(http.StatusBadRequest, "The part has to be sent without a Content-Transfer-Encoding")
	}
	kind, params, err := mime.ParseMediaType(h.Get("Content-Disposition"))
	if err != nil || kind != "form-data" || params["name"] != "file" {
		return fail(http.StatusBadRequest, "The multipart body has to have one part, named \"file\"")
	}
	return nil
}

// Read gives the contents of the part. Its end is the end only if no other part follows.
func (p *filePart) Read(b []byte) (int, error) {
	n, err := p.part.Read(b)
	switch {
	case err == nil:
		return n, nil
	case err != io.EOF: //nolint:errorlint // as io.Reader has it
		return n, multipartError(err)
	}
	p.body.bound(true)
	switch _, err := p.reader.NextRawPart(); {
	case err == io.EOF: // as above
		return n, io.EOF
	case err != nil:
		return n, multipartError(err)
	}
	return n, fail(http.StatusBadRequest, "The multipart body has more than one part")
}

// multipartError keeps the errors of the body itself; all others are of its form.
func multipartError(err error) error {
	if own, ok := errors.AsType[*statusError](err); ok {
		return own
	}
	if tooLarge, ok := errors.AsType[*jobs.TooLargeError](err); ok {
		return tooLarge
	}
	return fail(http.StatusBadRequest, "The multipart body cannot be read: it is cut off or has another boundary")
}

// cleanContentType writes a media type in its usual form; empty stays empty.
func cleanContentType(header string) (string, error) {
	if header == "" {
		return "", nil
	}
	mediaType, params, err := mime.ParseMediaType(header)
	if err != nil || !strings.Contains(mediaType, "/") {
		return "", errors.New("is not a media type")
	}
	clean := mime.FormatMediaType(mediaType, params)
	if clean == "" || len(clean) > maxContentType {
		return "", errors.New("is not a media type of at most 255 bytes")
	}
	return clean, nil
}
