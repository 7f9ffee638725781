package mail_test

import (
	"fmt"

	"github.com/carillon-go/carillon/drivers/mail"
)

func ExampleParseURL() {
	settings, err := mail.ParseURL("smtp://jobs:secret@mail.example.com?from=jobs@example.com")
	fmt.Println(settings, err)
	// Output: mail server mail.example.com:587 as jobs@example.com <nil>
}

func ExampleSender_Compose() {
	sender, err := mail.New(mail.Settings{Host: "mail.example.com", From: "Jobs <jobs@example.com>"})
	if err != nil {
		fmt.Println(err)
		return
	}
	preview, err := sender.Compose(mail.Message{To: []string{"ann@example.com"}, Subject: "Done", Text: "All is well."})
	fmt.Println(preview.From, preview.To, preview.Subject, err)
	// Output: "Jobs" <jobs@example.com> [<ann@example.com>] Done <nil>
}
