package httpapi

import (
	"errors"
	"io"
	"net/http"

	"github.com/carillon-go/carillon/jobs"
)

const filePath = attachmentPath + "/action-attachment-file-contents"

var fileRoutes = []route{
	{
		method: "GET", path: filePath, group: groupRead, handle: (*API).downloadFile,
		name: "downloadFile", summary: "The uploaded contents of an attachment; ranges work",
		answers: answers{200: bytesOf{}, 206: bytesOf{}}, also: []int{416}, tagged: true, headers: []string{"Range"},
		words: map[string]string{"Range": "Parts that are wanted, such as bytes=0-99"},
	},
	{
		method: "PUT", path: filePath, group: groupEdit, handle: (*API).uploadFile,
		name: "uploadFile", summary: "Store contents in place of earlier ones: a form with one part named file, or the bytes",
		body: bodyForm{types: []string{multipartForm, "*/*"}}, answers: answers{200: attachmentView{}}, also: []int{409}, tagged: true,
		headers: []string{"Content-Disposition"},
		words:   map[string]string{"Content-Disposition": "With raw bytes: the name of the file, as in attachment; filename=\"count.csv\""},
	},
}

// uploadFile serves PUT …/action-attachment-file-contents.
func (a *API) uploadFile(w http.ResponseWriter, r *request) error {
	ref, err := r.existingAttachment(jobs.PermissionEdit)
	if err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	upload, err := readUpload(r.Request, a.service.MaxUpload())
	if err != nil {
		return err
	}
	in, err := r.client.UploadFile(r.Context(), ref, upload, r.expectAttachment(ref))
	if err != nil {
		return err
	}
	return a.writeAttachment(w, r, http.StatusOK, in)
}

// downloadFile serves GET …/action-attachment-file-contents.
func (a *API) downloadFile(w http.ResponseWriter, r *request) (err error) {
	ref, err := r.attachment()
	if err != nil {
		return err
	}
	if _, err := r.client.Attachment(r.Context(), ref); err != nil {
		return err
	}
	if err := noQuery(r.Request); err != nil {
		return err
	}
	file, blob, err := r.client.OpenFile(r.Context(), ref)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, blob.Close()) }()
	h := w.Header()
	h.Set("Content-Type", file.ContentType)
	h.Set("Content-Disposition", disposition(file.Name))
	// What somebody uploaded never runs here, whatever it is and however it is opened (R53).
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("ETag", `"`+string(file.Key)+`"`) // the contents of a key never change
	out := &download{ResponseWriter: w}
	contents := &downloaded{ReadSeeker: blob}
	get := r.Clone(r.Context())
	for _, name := range []string{"If-Match", "If-Unmodified-Since", "If-Modified-Since"} {
		get.Header.Del(name) // conditions of writes, and times of one second
	}
	http.ServeContent(out, get, "", file.UpdatedAt, contents)
	if out.unmet {
		h.Del("Content-Type")
		h.Del("Content-Disposition")
		h.Set("Cache-Control", "private, no-cache")
		return fail(http.StatusRequestedRangeNotSatisfiable, "The file has %d bytes; the range cannot be met", file.Size)
	}
	return contents.err
}

// download lets through what http.ServeContent answers, but for the text of an error.
type download struct {
	http.ResponseWriter
	unmet bool
}

// WriteHeader notes that a range cannot be met; the answer is ours.
func (d *download) WriteHeader(status int) {
	if status == http.StatusRequestedRangeNotSatisfiable {
		d.unmet = true
		return
	}
	d.ResponseWriter.WriteHeader(status)
}

// Write drops the text of an error.
func (d *download) Write(p []byte) (int, error) {
	if d.unmet {
		return len(p), nil
	}
	return d.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (d *download) Unwrap() http.ResponseWriter { return d.ResponseWriter }

// downloaded remembers an error of reading, which http.ServeContent keeps to itself.
type downloaded struct {
	io.ReadSeeker
	err error
}

func (d *downloaded) Read(p []byte) (int, error) {
	n, err := d.ReadSeeker.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // as io.Reader has it
		d.err = err
	}
	return n, err
}
