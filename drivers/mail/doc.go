// Package mail sends mail for drivers over SMTP, by rule R60 of the reliability paper.
//
//	settings, err := mail.ParseURL("smtp://user:secret@mail.example.com?from=jobs@example.com")
//	sender, err := mail.New(settings)
//	result, err := sender.Send(ctx, mail.Message{To: []string{"ann@example.com"}, Subject: "Done", Text: "All is well."})
//
// Guarantees: TLS unless the operator opted out, and never a password in plain text to another machine; the sender is one
// of the operator's identities; addresses are parsed and written anew, so that no value of a message reaches a header
// or a command as it was typed; a message is composed in full before the server is called; the context bounds everything;
// one refused recipient does not take the mail from the others; and an error says whether the mail is known not to have
// been sent (*SendError).
//
// It sends one message on one connection of its own. It does not queue, retry, sign (DKIM) or receive.
package mail
