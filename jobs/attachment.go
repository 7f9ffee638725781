package jobs

import (
	"encoding/json"
	"time"
)

// Attachment is something that an action sends or stores: a rendered report, a dataset, an uploaded file. It belongs to an action, in the
// order of the list.
type Attachment struct {
	ID AttachmentID `json:"id"`
	// OriginID is, in a draft, the attachment that this one was copied from.
	OriginID AttachmentID `json:"originId,omitempty"`
	// Type is the id of the attachment driver; it never changes.
	Type    string          `json:"type"`
	Name    string          `json:"name"`
	Data    json.RawMessage `json:"data"`
	Secrets Secrets         `json:"secrets,omitempty"`
	// File is what was uploaded for the attachment; nil if nothing was.
	File      *File     `json:"file,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// File names uploaded contents. The contents of a key never change, so a revision that names the key has them as long as it is kept, and
// copies of a definition share them.
type File struct {
	// Key is made by the server; no caller ever writes or sees it.
	Key BlobKey `json:"key"`
	// Name is one path element of 1 to MaxFileName bytes without control characters.
	Name string `json:"name"`
	// ContentType is as it was uploaded, such as "text/csv; charset=utf-8".
	ContentType string `json:"contentType"`
	// Size is in bytes.
	Size      int64     `json:"size"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// AttachmentFile is the attachment driver whose contents are uploaded (contract 8.8).
const AttachmentFile = "file"

// Limits of attachments (reliability section 13).
const (
	// MaxAttachments is how many attachments an action may have.
	MaxAttachments = 20
	// MaxFileName is the longest name of an uploaded file, in bytes.
	MaxFileName = 255
)

// Attachment gives the attachment with that id and its index; false if the action has none.
func (a *Action) Attachment(id AttachmentID) (*Attachment, int, bool) {
	for i := range a.Attachments {
		if a.Attachments[i].ID == id {
			return &a.Attachments[i], i, true
		}
	}
	return nil, 0, false
}

// AttachmentField is the path of the settings of an attachment, to which its secrets are sealed.
func AttachmentField(action ActionID, id AttachmentID) string {
	return "actions." + string(action) + ".attachments." + string(id) + ".data"
}

// Files are the contents that a definition names, each once, in order.
func (d *Definition) Files() []File {
	var files []File
	seen := map[BlobKey]bool{}
	for i := range d.Actions {
		for _, a := range d.Actions[i].Attachments {
			if a.File != nil && !seen[a.File.Key] {
				seen[a.File.Key] = true
				files = append(files, *a.File)
			}
		}
	}
	return files
}
